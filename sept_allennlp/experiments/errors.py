"""Errors in suites, runs and data."""

from allennlp.common.checks import ConfigurationError


class SuiteError(ConfigurationError):
    """A suite that is invalid or cannot be trained as requested."""


class RunError(ConfigurationError):
    """A folder or file that does not hold the expected run."""


class UnfinishedRunError(RunError):
    """A folder without a finished run."""
