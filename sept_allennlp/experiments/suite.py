"""What a suite is: a set of runs, and the tables and figures that are made from them."""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple, Type, TypeVar, Union

from allennlp.common import Params

from sept_allennlp.experiments.errors import SuiteError
from sept_allennlp.experiments.folds import FOLDS
from sept_allennlp.experiments.scores import HEADINGS, SCORES
from sept_allennlp.training.config_defaults import config_variables

T = TypeVar("T")

# Names become names of files and folders.
_NAME = re.compile(r"\w[\w.-]*")

# The files that are written beside those of the tables and figures.
RUNS = "runs"
DOCUMENTS = "documents"


@dataclass(frozen=True)
class Row:
    """
    A row of a table.

    # Parameters

    system : `str`
        What the table calls it.
    run : `str`
        The name of its run.
    paper : `Mapping[str, float]`, optional
        The paper's own figures: `precision`, `recall` and `f1`, as far as it gives them.
    """

    system: str
    run: str
    paper: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """
    A table of scores.

    # Parameters

    name, title : `str`
    rows : `List[Row]`
    paper : `str`, optional
        What its column of the paper's figures is called.
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
    columns: List[str] = field(default_factory=lambda: list(SCORES))


@dataclass(frozen=True)
class Point:
    """A point of a line: at a number, or at a word (as "all"), the F1 of a run."""

    x: Union[int, float, str]
    run: str


@dataclass(frozen=True)
class Line:
    """A line of a figure; `label` is what its legend says."""

    label: str
    points: List[Point]


@dataclass(frozen=True)
class Figure:
    """
    F1 of runs against what differs between them, whose axis is called `x_label`. `name` is that of
    its files.
    """

    name: str
    title: str
    x_label: str
    lines: List[Line]


@dataclass(frozen=True)
class Suite:
    """
    # Parameters

    runs : `Dict[str, Dict[str, Any]]`
        A complete training configuration for each run's name.
    tables : `List[Table]`, optional
    figures : `List[Figure]`, optional
    folds : `int`, optional (default = `0`)
        In how many folds of the data each run is trained; 0 trains it once, on the data as given.
    """

    runs: Dict[str, Dict[str, Any]]
    tables: List[Table] = field(default_factory=list)
    figures: List[Figure] = field(default_factory=list)
    folds: int = 0

    def places_of_runs(self) -> Iterator[Tuple[str, str]]:
        """Each place of a table or figure that names a run, with the run's name."""
        for table in self.tables:
            for row in table.rows:
                yield f"{table.name}, {row.system}", row.run
        for figure in self.figures:
            for line in figure.lines:
                for point in line.points:
                    yield f"{figure.name}, {line.label} at {point.x}", point.run


def read_suite(path: Path, seed: Optional[int] = None, data: Optional[Path] = None) -> Suite:
    """
    Evaluates a suite's jsonnet file.

    # Parameters

    path : `Path`
    seed : `int`, optional
        What SEPT_SEED is in it.
    data : `Path`, optional
        What SEPT_DATA is in it. All other variables are the environment's, with the plugin's
        defaults.

    # Raises

    `SuiteError` for a file that jsonnet cannot evaluate, or that is no suite.
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
        suite = _built(Suite, "suite", given)
        _check(suite)
    except SuiteError as error:
        raise SuiteError(f"{path}: {error}") from None
    return suite


# Which fields are lists of which class.
_PARTS: Dict[Type[Any], Dict[str, Type[Any]]] = {
    Suite: {"tables": Table, "figures": Figure},
    Table: {"rows": Row},
    Figure: {"lines": Line},
    Line: {"points": Point},
}


def _built(cls: Type[T], place: str, given: Any) -> T:
    if not isinstance(given, dict):
        raise SuiteError(f"{place} must be an object")
    values = dict(given)
    for name, part in _PARTS.get(cls, {}).items():
        listed = values.get(name, [])
        if not isinstance(listed, list):
            raise SuiteError(f"{place}.{name} must be a list")
        if name in values:
            values[name] = [
                _built(part, f"{place}.{name}[{index}]", value)
                for index, value in enumerate(listed)
            ]
    try:
        return cls(**values)
    except TypeError as error:
        # Python says which field is missing or unknown.
        raise SuiteError(f"{place}: {str(error).replace('.__init__()', '')}") from None


def _check(suite: Suite) -> None:
    if not isinstance(suite.runs, dict) or not suite.runs:
        raise SuiteError("'runs' must give a configuration for each run's name")
    for name, config in suite.runs.items():
        if not isinstance(config, dict):
            raise SuiteError(f"run '{name}' is no configuration")
    if FOLDS in suite.runs:
        raise SuiteError(f"'{FOLDS}' is no name for a run: the data of folds is in such a folder")
    if not isinstance(suite.folds, int) or suite.folds < 0 or suite.folds == 1:
        raise SuiteError(f"'folds' must be a number from 2, or 0 for none, and not {suite.folds!r}")
    outputs = [RUNS, DOCUMENTS, *(table.name for table in suite.tables)]
    outputs += [figure.name for figure in suite.figures]
    for name in [*suite.runs, *outputs]:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise SuiteError(f"{name!r} will not do as a name: letters, digits and _ . - only")
    for name, count in Counter(outputs).items():
        if count > 1:
            raise SuiteError(f"two tables or figures would write the file {name}.csv")
    for place, run in suite.places_of_runs():
        if run not in suite.runs:
            raise SuiteError(f"{place}: there is no run '{run}'")
    for figure in suite.figures:
        points = [(line.label, point.x) for line in figure.lines for point in line.points]
        for (label, x), count in Counter(points).items():
            if count > 1:
                raise SuiteError(f"{figure.name}: {label} has {count} points at {x}")
    for table in suite.tables:
        if table.reference not in (None, *(row.run for row in table.rows)):
            raise SuiteError(f"{table.name}: no row has the run {table.reference!r}, its reference")
        if not isinstance(table.columns, list) or not {*table.columns} <= {*HEADINGS}:
            raise SuiteError(
                f"{table.name}: 'columns' is {table.columns!r}; there are {', '.join(HEADINGS)}"
            )
        for row in table.rows:
            if not isinstance(row.paper, dict):
                raise SuiteError(f"{table.name}, {row.system}: 'paper' must be an object")
            for name, value in row.paper.items():
                if name not in SCORES or not isinstance(value, (int, float)):
                    raise SuiteError(
                        f"{table.name}, {row.system}: the paper's {name} is {value!r}; "
                        f"there are numbers for {', '.join(SCORES)}"
                    )
