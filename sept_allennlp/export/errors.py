from sept_runtime.errors import ExportedModelError


class ExportError(ExportedModelError):
    """A model cannot be exported; the message says why."""


class NotExportable(ExportError):
    """A model has a part that cannot run without PyTorch; the message names it."""
