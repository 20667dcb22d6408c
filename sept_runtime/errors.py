class ExportedModelError(RuntimeError):
    """An exported model that is not loaded; the message says why, and what to do."""
