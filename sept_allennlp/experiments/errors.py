"""What may be wrong with a suite and its runs."""


class SuiteError(ValueError):
    """A suite that is not as it must be, or cannot be trained as asked for."""


class RunError(ValueError):
    """A folder or a file that does not hold the run that it should."""


class UnfinishedRunError(RunError):
    """A folder that holds no finished run."""
