class ExportedModelError(RuntimeError):
    """An exported model that is not loaded; the message says why, and what to do."""


class CorpusError(RuntimeError):
    """The annotation of a corpus cannot go on. The message says why, and what to do."""
