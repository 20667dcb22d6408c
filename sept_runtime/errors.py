class ExportedModelError(RuntimeError):
    """Error for an exported model that cannot be loaded; the message says why and what to do."""


class CorpusError(RuntimeError):
    """The annotation of a corpus cannot go on. The message says why, and what to do."""
