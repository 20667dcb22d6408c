"""When two models do not agree."""

from sept_runtime.errors import ExportedModelError

# How near a score must be to another, or to a threshold, for rounding to decide between them.
TIE = 1e-4


class ExportError(ExportedModelError):
    """What keeps a model from being exported; the message says what is wrong."""
