"""What runs say of themselves: a table from the folders that `allennlp train` has left."""

import json
from itertools import product
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional

import pandas

from sept_allennlp.archives.encoders import describe_archived_encoders
from sept_allennlp.experiments.counts import COUNTS, Counted, count_run
from sept_allennlp.experiments.errors import RunError, UnfinishedRunError
from sept_allennlp.experiments.folds import fold_folders
from sept_allennlp.experiments.scores import RELATION_SCORES, SCORES
from sept_allennlp.training.metrics.relation_sets import SENSES
from sept_runtime.scoring import precision_recall_f1

COLUMNS = ["run", "seed", *SCORES, "best_epoch", "epochs", "last_f1", "minutes", "encoder"]

# One more, where there are runs that were trained in folds; and those of `RELATION_SCORES`, where
# there are runs that find relations.
FOLDS = "folds"


class Progress(NamedTuple):
    """How far a run has come. Epochs are counted from 1."""

    epochs: int
    f1: float
    best_f1: float
    best_epoch: int


def collect(folders: Iterable[Path]) -> pandas.DataFrame:
    """
    One row a run, in the order given.

    # Parameters

    folders : `Iterable[Path]`
        What `allennlp train` was given as `--serialization-dir`.

    # Returns

    `pandas.DataFrame` with the columns `run` (the folder's name), `seed`, `precision`, `recall`,
    `f1` (on the validation data, of the best epoch), `best_epoch` and `epochs` (counted from 1),
    `last_f1` (of the last epoch), `minutes` (wall time of training; of a run that was interrupted,
    without the time that was lost), and `encoder` (what the run has archived of it says).

    Where a run finds relations there are `rel_precision` and so on, too (see `StrictRelationF1`).

    A run that was trained in folds has one row, too: its scores are those of all its folds'
    predictions together, `minutes` the sum, and `folds` says how many there are.

    # Raises

    `RunError` for a folder without `metrics.json`, which is written when a run ends.
    """
    return _table([_read_run(folder) for folder in folders])


def collect_suite(
    folder: Path,
    names: Iterable[str],
    note: Callable[[str], None],
    seeds: Optional[Iterable[int]] = None,
) -> pandas.DataFrame:
    """
    The runs of a suite, which lie in `folder/NAME/SEED`.

    # Parameters

    folder : `Path`
    names : `Iterable[str]`
    note : `Callable[[str], None]`
        Takes what is wrong with a finished run that cannot be read; it counts as missing.
    seeds : `Iterable[int]`, optional (default = all that any of the names has a folder for)

    # Returns

    `pandas.DataFrame` as from `collect`, with one row for each name and seed. Where a run is
    missing or unfinished, its row has nothing but name and seed. Scores are rounded to six places,
    so that writing the table as CSV loses nothing.
    """
    names = list(names)
    seeds = seeds or {
        int(run.name)
        for name in names
        for run in (folder / name).glob("*")
        if run.is_dir() and run.name.isdigit()
    }
    rows: List[Dict[str, Any]] = []
    for name, seed in product(names, sorted({*seeds})):
        row: Dict[str, Any] = {}
        try:
            row = _read_run(folder / name / str(seed))
        except UnfinishedRunError:
            pass
        except RunError as error:
            note(str(error))
        rows.append({**row, "run": name, "seed": seed})
    return _typed(_table(rows))


def read_csv(file: Path) -> pandas.DataFrame:
    """
    The runs of a suite from what `collect_suite` gave, written as CSV without its index.

    # Raises

    `RunError` for a file that is no such table.
    """
    try:
        runs = pandas.read_csv(file, dtype={"run": str})
    except ValueError as error:
        raise RunError(f"{file}: not a table of runs: {error}") from None
    missing = [name for name in ["run", "seed", *SCORES] if name not in runs]
    if missing:
        raise RunError(f"{file}: not a table of runs, there is no column {', '.join(missing)}")
    repeated = runs[runs.duplicated(["run", "seed"])]
    if len(repeated):
        first = repeated.iloc[0]
        raise RunError(f"{file}: run {first['run']} with seed {first['seed']} is there twice")
    try:
        more = [name for name in [FOLDS, *RELATION_SCORES] if name in runs]
        return _typed(runs.reindex(columns=[*COLUMNS, *more]))
    except (ValueError, TypeError) as error:
        raise RunError(f"{file}: {error}") from None


def read_progress(folder: Path) -> Optional[Progress]:
    """How far the run in `folder` has come, from the last epoch that it ended; None before that."""
    # The last file may be half written.
    for file in reversed(_epoch_files(folder)):
        try:
            metrics = json.loads(file.read_text())
            return Progress(
                epochs=metrics["epoch"] + 1,
                f1=metrics["validation_f1"],
                best_f1=metrics["best_validation_f1"],
                best_epoch=metrics["best_epoch"] + 1,
            )
        except (json.JSONDecodeError, KeyError):
            continue
    return None


def to_markdown(runs: pandas.DataFrame) -> str:
    """The runs as a Markdown table, with their mean and standard deviation below."""
    columns = list(runs.columns)
    lines = [columns, ["---"] * len(columns)]
    for row in runs.itertuples(index=False):
        lines.append([_shown(name, value) for name, value in zip(columns, row)])
    if len(runs) > 1:
        summary = {"run": "mean ± sd"}
        for name in runs.columns.intersection([*SCORES, "last_f1", *RELATION_SCORES]):
            summary[name] = f"{runs[name].mean():.4f} ± {runs[name].std():.4f}"
        summary["minutes"] = f"{runs['minutes'].mean():.1f}"
        lines.append([summary.get(name, "") for name in columns])
    return markdown_table(lines)


def markdown_table(lines: Iterable[Iterable[str]]) -> str:
    """A table of such lines of cells, the first its header and the second of dashes."""
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _table(rows: List[Dict[str, Any]]) -> pandas.DataFrame:
    kinds = {FOLDS: "Int64", **dict.fromkeys(RELATION_SCORES, "float64")}
    more = {name: kind for name, kind in kinds.items() if any(name in row for row in rows)}
    return pandas.DataFrame(rows, columns=[*COLUMNS, *more]).astype(more)


def _read_run(folder: Path) -> Dict[str, Any]:
    folds = [_read_run(fold) for fold in fold_folders(folder)]
    return _all_folds(folder, folds) if folds else _read_training(folder)


def _all_folds(folder: Path, folds: List[Dict[str, Any]]) -> Dict[str, Any]:
    scores = _scores(folder, "entities")
    if any(name in folds[0] for name in RELATION_SCORES):
        for sense in SENSES:
            of_sense = _scores(folder, sense)
            scores.update({f"{sense}_{name}": value for name, value in of_sense.items()})
    return {
        **folds[0],
        **scores,
        "run": folder.name,
        "last_f1": scores["f1"],
        "minutes": sum(fold["minutes"] for fold in folds),
        FOLDS: len(folds),
    }


def _scores(folder: Path, counted: Counted) -> Dict[str, float]:
    counts = count_run(folder, counted=counted)
    return precision_recall_f1(*counts[COUNTS].sum().tolist())


def _read_training(folder: Path) -> Dict[str, Any]:
    try:
        metrics = json.loads((folder / "metrics.json").read_text())
        config = json.loads((folder / "config.json").read_text())
        files = _epoch_files(folder) or [folder / "metrics.json"]
        epochs = [json.loads(file.read_text()) for file in files]
        written = [file.stat().st_mtime for file in files]
        encoder = describe_archived_encoders(folder)
    except OSError as error:
        raise UnfinishedRunError(
            f"{folder}: not a finished run, {error.filename}: {error.strerror}"
        ) from None
    except ValueError as error:
        raise RunError(f"{folder}: a file of the run is not JSON: {error}") from None
    # A run that was taken up after its last epoch says only what its best epoch was.
    metrics = {**epochs[-1], **metrics}
    try:
        return {
            "run": folder.name,
            "seed": config.get("pytorch_seed"),
            **{name: metrics[f"best_validation_{name}"] for name in SCORES},
            "best_epoch": metrics["best_epoch"] + 1,
            "epochs": metrics["epoch"] + 1,
            "last_f1": metrics["validation_f1"],
            "minutes": _minutes(epochs, written),
            "encoder": encoder or None,
            **{
                name: metrics[f"best_validation_{name}"]
                for name in RELATION_SCORES
                if f"best_validation_{name}" in metrics
            },
        }
    except KeyError as error:
        raise RunError(f"{folder}: metrics.json says nothing of {error}") from None


def _epoch_files(folder: Path) -> List[Path]:
    files = folder.glob("metrics_epoch_*.json")
    return sorted(files, key=lambda file: int(file.stem.rpartition("_")[2]))


def _minutes(epochs: List[Dict[str, Any]], written: List[float]) -> float:
    """
    The training time. Each epoch says how long it has been since training was started or, after an
    interruption, taken up again, which was after the epoch before had been written. (Copies may not
    have kept when that was; then only a time that is shorter than the one before tells.)
    """
    total = previous = 0.0
    end_of_previous = float("inf")
    for metrics, end in zip(epochs, written):
        elapsed = pandas.to_timedelta(metrics["training_duration"]).total_seconds()
        if elapsed < previous or end - elapsed > end_of_previous:
            total += previous
        previous, end_of_previous = elapsed, end
    return (total + previous) / 60


def _typed(runs: pandas.DataFrame) -> pandas.DataFrame:
    """Whole numbers as such, also in a column with gaps; the others rounded."""
    kinds = {"seed": "int64", "best_epoch": "Int64", "epochs": "Int64", "encoder": "string"}
    if FOLDS in runs:
        kinds[FOLDS] = "Int64"
    fractions = [*SCORES, "last_f1", "minutes", *runs.columns.intersection(RELATION_SCORES)]
    kinds.update(dict.fromkeys(fractions, "float64"))
    return runs.astype(kinds).round(dict.fromkeys(fractions, 6))


def _shown(name: str, value: object) -> str:
    if pandas.isna(value):
        return ""
    if name == "minutes":
        return f"{value:.1f}"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
