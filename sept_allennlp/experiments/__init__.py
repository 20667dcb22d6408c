"""Suites: many runs by one command, and the tables and figures of a paper from them."""

from sept_allennlp.experiments.devices import default_jobs, share_devices, visible_devices
from sept_allennlp.experiments.errors import RunError, SuiteError
from sept_allennlp.experiments.figures import fill_figure, save_figure
from sept_allennlp.experiments.folds import write_folds
from sept_allennlp.experiments.runner import Runner
from sept_allennlp.experiments.suite import DOCUMENTS, RUNS, Suite, Table, read_suite
from sept_allennlp.experiments.tables import fill_table, table_to_markdown
from sept_allennlp.experiments.training import (
    config_differences,
    read_trainings,
    shortened,
    train_command,
)

__all__ = [
    "DOCUMENTS",
    "RUNS",
    "RunError",
    "Runner",
    "Suite",
    "SuiteError",
    "Table",
    "config_differences",
    "default_jobs",
    "fill_figure",
    "fill_table",
    "read_suite",
    "read_trainings",
    "save_figure",
    "share_devices",
    "shortened",
    "table_to_markdown",
    "train_command",
    "visible_devices",
    "write_folds",
]
