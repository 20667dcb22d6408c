"""Suites: many runs by one command, and the tables and figures of a paper from them."""

from sept_allennlp.suites.figures import fill_figure, save_figure
from sept_allennlp.suites.runner import Runner, make_slots, visible_devices
from sept_allennlp.suites.suite import (
    Figure,
    Line,
    Point,
    Row,
    Suite,
    SuiteError,
    Table,
    read_suite,
)
from sept_allennlp.suites.tables import fill_table, summarise, table_to_markdown
from sept_allennlp.suites.training import (
    Standing,
    Training,
    config_differences,
    read_trainings,
    shortened,
    train_command,
)

__all__ = [
    "Figure",
    "Line",
    "Point",
    "Row",
    "Runner",
    "Standing",
    "Suite",
    "SuiteError",
    "Table",
    "Training",
    "config_differences",
    "fill_figure",
    "fill_table",
    "make_slots",
    "read_suite",
    "read_trainings",
    "save_figure",
    "shortened",
    "summarise",
    "table_to_markdown",
    "train_command",
    "visible_devices",
]
