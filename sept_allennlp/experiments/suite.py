"""Suites: sets of runs, and the tables and figures made from them."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Dict, List, Literal, Optional, Tuple, Union

import msgspec
from allennlp.common import Params

from sept_allennlp.experiments.counts import HEADINGS, SCORES
from sept_allennlp.experiments.errors import SuiteError
from sept_allennlp.experiments.folds import FOLDS
from sept_allennlp.training.config_defaults import config_variables

# Names become names of files and folders.
_NAME = re.compile(r"\w[\w.-]*")

# The files that are written beside those of the tables and figures.
RUNS = "runs"
DOCUMENTS = "documents"


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """
    A row of a table.

    # Parameters

    system : `str`
        The name in the table.
    run : `str`
        The name of the run.
    paper : `Dict[str, float]`, optional
        The paper's own figures, as far as it gives them.
    """

    system: str
    run: str
    paper: Mapping[Literal["precision", "recall", "f1"], float] = {}


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """
    A table of scores.

    # Parameters

    name, title : `str`
    rows : `List[Row]`
    paper : `str`, optional
        The heading of the paper's figures.
    reference : `str`, optional
        The run of the row with which all others are compared, document by document.
    columns : `List[str]`, optional (default = `["precision", "recall", "f1"]`)
        The scores to show, of `HEADINGS`.
    """

    name: str
    title: str
    rows: List[Row]
    paper: str = "the paper's: test split, SciBERT"
    reference: Optional[str] = None
    columns: List[str] = msgspec.field(default_factory=lambda: list(SCORES))


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A point of a line: a number or word on the axis, and the run whose F1 it shows."""

    x: Union[int, float, str]
    run: str


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of a figure; `label` is for the legend."""

    label: str
    points: List[Point]


class Figure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """F1 of runs against what differs between them. `name` is that of the files."""

    name: str
    title: str
    x_label: str
    lines: List[Line]


class Suite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """
    A set of runs with tables and figures.

    # Parameters

    runs : `Dict[str, Dict[str, Any]]`
        A complete training configuration for each run's name.
    tables : `List[Table]`, optional
    figures : `List[Figure]`, optional
    folds : `int`, optional (default = `0`)
        The number of folds that each run is trained in; 0 trains it once, on the given split.
    """

    runs: Dict[str, Dict[str, Any]]
    tables: List[Table] = []
    figures: List[Figure] = []
    folds: int = 0

    def places_of_runs(self) -> Iterator[Tuple[str, str]]:
        """Yield each place in a table or figure that names a run, with the run's name."""
        for table in self.tables:
            for row in table.rows:
                yield f"{table.name}, {row.system}", row.run
        for figure in self.figures:
            for line in figure.lines:
                for point in line.points:
                    yield f"{figure.name}, {line.label} at {point.x}", point.run


def read_suite(path: Path, seed: Optional[int] = None, data: Optional[Path] = None) -> Suite:
    """
    Evaluate a suite's jsonnet file.

    # Parameters

    path : `Path`
    seed : `int`, optional
        The value of SEPT_SEED.
    data : `Path`, optional
        The value of SEPT_DATA. All other variables come from the environment, with the plugin's
        defaults.

    # Raises

    `SuiteError` if jsonnet cannot evaluate the file, or if it is not a valid suite.
    """
    variables = config_variables()
    if seed is not None:
        variables["SEPT_SEED"] = str(seed)
    if data is not None:
        variables["SEPT_DATA"] = str(data)
    try:
        given = Params.from_file(str(path), ext_vars=variables).params
    except (RuntimeError, OSError) as error:
        raise SuiteError(f"{path}: {error}") from None
    try:
        suite = msgspec.convert(given, Suite)
        _check(suite)
    except (msgspec.ValidationError, SuiteError) as error:
        # msgspec ends its message with the place: " - at `$.tables[0]`".
        message, _, place = str(error).partition(" - at ")
        where = place.replace("`", "").replace("$.", "")
        raise SuiteError(f"{path}: {where and where + ': '}{message}") from None
    return suite


def _check(suite: Suite) -> None:
    if not suite.runs:
        raise SuiteError("'runs' is empty. Give a configuration for each run's name.")
    if FOLDS in suite.runs:
        raise SuiteError(f"A run cannot be named '{FOLDS}': this folder holds the folds' data.")
    if suite.folds < 0 or suite.folds == 1:
        raise SuiteError(f"'folds' must be 2 or more, or 0 for none, got {suite.folds}.")
    outputs = [RUNS, DOCUMENTS, *(table.name for table in suite.tables)]
    outputs += [figure.name for figure in suite.figures]
    for name in [*suite.runs, *outputs]:
        if not _NAME.fullmatch(name):
            raise SuiteError(
                f"{name!r} is not a valid name: use letters, digits, '_', '.' and '-'."
            )
    for name, count in Counter(outputs).items():
        if count > 1:
            raise SuiteError(f"Two tables or figures would write {name}.csv. Rename one of them.")
    for place, run in suite.places_of_runs():
        if run not in suite.runs:
            raise SuiteError(f"{place}: the suite has no run '{run}'.")
    for figure in suite.figures:
        points = [(line.label, point.x) for line in figure.lines for point in line.points]
        for (label, x), count in Counter(points).items():
            if count > 1:
                raise SuiteError(f"{figure.name}: {label} has {count} points at {x}.")
    for table in suite.tables:
        if table.reference not in (None, *(row.run for row in table.rows)):
            raise SuiteError(f"{table.name}: no row has the reference's run {table.reference!r}.")
        if not {*table.columns} <= {*HEADINGS}:
            raise SuiteError(
                f"{table.name}: 'columns' may hold {', '.join(HEADINGS)}, got {table.columns!r}."
            )
