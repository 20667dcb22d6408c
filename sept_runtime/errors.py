import importlib.util


class ExportedModelError(RuntimeError):
    """Error for an exported model that cannot be loaded; the message says why and what to do."""


class CorpusError(RuntimeError):
    """The annotation of a corpus cannot continue. The message says why, and what to do."""


def needs_extra(what: str, extra: str) -> str:
    """Return the message for something whose extra is not installed."""
    return f"{what} needs the extra {extra!r}: pip install 'sept_allennlp[{extra}]'"


def training_command(command: str) -> str:
    """Return how to run a command of the training half, for messages: it may not be installed."""
    if importlib.util.find_spec("allennlp") is not None:
        return f"with 'allennlp {command}'"
    return "where the training half of sept_allennlp is installed"
