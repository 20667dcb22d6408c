from sept_runtime.errors import ExportedModelError


class ExportError(ExportedModelError):
    """What keeps a model from being exported; the message says what is wrong."""
