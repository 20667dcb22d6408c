import importlib.util


class ExportedModelError(RuntimeError):
    """Error for an exported model that cannot be loaded; the message says why and what to do."""


class CorpusError(RuntimeError):
    """The annotation of a corpus cannot continue. The message says why, and what to do."""


def training_command(command: str) -> str:
    """Return how to run a command of the training half, for messages: it may not be installed."""
    if importlib.util.find_spec("allennlp") is not None:
        return f"with 'allennlp {command}'"
    return "where the training half of sept_allennlp is installed"
