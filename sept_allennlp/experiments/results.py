"""Results of runs: a table from the folders that `allennlp train` has written."""

import json
from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional

import pandas as pd

from sept_allennlp.archives.encoders import describe_archived_encoders
from sept_allennlp.experiments.counts import (
    COUNTS,
    RELATION_SCORES,
    SCORES,
    Counted,
    count_run,
)
from sept_allennlp.experiments.errors import RunError, UnfinishedRunError
from sept_allennlp.experiments.folds import fold_folders
from sept_allennlp.training.metrics.relation_sets import SENSES
from sept_runtime.scoring import precision_recall_f1

COLUMNS = ["run", "seed", *SCORES, "best_epoch", "epochs", "last_f1", "minutes", "encoder"]

FOLDS = "folds"

# Columns that a table has only if a run needs them: runs in folds, runs that report no F1 (`metric`
# is the name of their validation metric, `score` its value), and runs that find relations.
_OPTIONAL = {
    FOLDS: "Int64",
    "metric": "string",
    "score": "float64",
    **dict.fromkeys(RELATION_SCORES, "float64"),
}


class Progress(NamedTuple):
    """
    The last finished epoch of a run. Epochs are counted from 1.

    `metric` is "f1" or, for runs that report no F1, the validation metric; without validation data
    the training loss.
    """

    epochs: int
    metric: str
    score: float
    best_score: float
    best_epoch: int

    def __str__(self) -> str:
        name = readable(self.metric)
        return f"{name} {self.score:.4f}, best {self.best_score:.4f} (epoch {self.best_epoch})"


def collect(folders: Iterable[Path]) -> pd.DataFrame:
    """
    Return a row for each run, in the given order.

    # Parameters

    folders : `Iterable[Path]`
        The `--serialization-dir` of finished trainings.

    # Returns

    `pandas.DataFrame` with the columns `run` (the folder's name), `seed`, `precision`, `recall`,
    `f1` (on the validation data, of the best epoch), `best_epoch` and `epochs` (counted from 1),
    `last_f1` (of the last epoch), `minutes` (wall time of training; without the time that an
    interruption lost), and `encoder` (from the archive).

    Runs that find relations add `rel_precision` and so on (see `StrictRelationF1`). Runs that
    report no F1 add `metric`, the trainer's `validation_metric`, and `score`, its value in the best
    epoch; of a training without validation data these are the training loss of the last epoch.

    A run in folds has one row: its scores are those of the predictions of all folds together,
    `minutes` is the sum, and `folds` their number.

    # Raises

    `RunError` for a folder without `metrics.json`, which is written when a run ends.
    """
    return _table([_read_run(folder) for folder in folders])


def collect_suite(
    folder: Path,
    names: Iterable[str],
    note: Callable[[str], None],
    seeds: Optional[Iterable[int]] = None,
) -> pd.DataFrame:
    """
    Return a row for each run and seed of a suite, from the folders `folder/NAME/SEED`.

    # Parameters

    folder : `Path`
    names : `Iterable[str]`
    note : `Callable[[str], None]`
        Called with a message for each finished run that cannot be read. Such a run counts as
        missing.
    seeds : `Iterable[int]`, optional (default = all that any of the names has a folder for)

    # Returns

    `pandas.DataFrame` as from `collect`. The row of a missing or unfinished run has only its name
    and seed. Scores are rounded to six places, so that CSV loses nothing.
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


def finished(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table that belong to finished runs."""
    return runs[runs.reindex(columns=["f1", "score"]).notna().any(axis=1)]


def read_csv(file: Path) -> pd.DataFrame:
    """
    Read the table of `collect_suite` from CSV without its index.

    # Raises

    `RunError` if the file is no such table.
    """
    try:
        runs = pd.read_csv(file, dtype={"run": str})
    except ValueError as error:
        raise RunError(f"{file} is not a table of runs: {error}") from None
    missing = [name for name in ["run", "seed", *SCORES] if name not in runs]
    if missing:
        raise RunError(f"{file} is not a table of runs: it lacks {', '.join(missing)}.")
    repeated = runs[runs.duplicated(["run", "seed"])]
    if len(repeated):
        first = repeated.iloc[0]
        raise RunError(f"{file}: run {first['run']} with seed {first['seed']} occurs twice.")
    try:
        more = [name for name in _OPTIONAL if name in runs]
        return _typed(runs.reindex(columns=[*COLUMNS, *more]))
    except (ValueError, TypeError) as error:
        raise RunError(f"{file}: {error}") from None


def read_progress(folder: Path, config: Mapping[str, Any]) -> Optional[Progress]:
    """
    Return the progress of the run in `folder`, or `None` before the end of its first epoch.

    # Parameters

    folder : `Path`
    config : `Mapping[str, Any]`
        The run's configuration, which names the validation metric.
    """
    # Few files are read: only the last one may be incomplete.
    for file in reversed(_epoch_files(folder)):
        progress = _progress(file, config)
        if progress is not None:
            return progress
    return None


def read_epochs(folder: Path, config: Mapping[str, Any]) -> List[Progress]:
    """Return the progress of the run after each of its epochs, in order."""
    epochs = (_progress(file, config) for file in _epoch_files(folder))
    return [progress for progress in epochs if progress is not None]


def _progress(file: Path, config: Mapping[str, Any]) -> Optional[Progress]:
    try:
        metrics = json.loads(file.read_text())
        metric = _metric(metrics, config)
        if metric is None:
            return None
        return Progress(
            epochs=metrics["epoch"] + 1,
            metric=metric,
            score=metrics.get(f"validation_{metric}", metrics.get(metric)),
            best_score=metrics.get(f"best_validation_{metric}", metrics.get(metric)),
            best_epoch=metrics["best_epoch"] + 1,
        )
    except (json.JSONDecodeError, KeyError):
        return None


def readable(metric: str) -> str:
    """Return the name of a metric for people: "F1", "filtration rate at 99 recall"."""
    return "F1" if metric == "f1" else metric.replace("_", " ")


def to_markdown(runs: pd.DataFrame) -> str:
    """Return the runs as a Markdown table that ends with mean and standard deviation."""
    columns = list(runs.columns)
    lines = [columns, ["---"] * len(columns)]
    for row in runs.itertuples(index=False):
        lines.append([_shown(name, value) for name, value in zip(columns, row)])
    if len(runs) > 1:
        summary = {"run": "mean ± sd"}
        for name in runs.columns.intersection([*SCORES, "last_f1", *RELATION_SCORES]):
            if runs[name].notna().any():
                summary[name] = f"{runs[name].mean():.4f} ± {runs[name].std():.4f}"
        summary["minutes"] = f"{runs['minutes'].mean():.1f}"
        lines.append([summary.get(name, "") for name in columns])
    return markdown_table(lines)


def markdown_table(lines: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table of lines of cells: the header, the dashes, the rows."""
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _table(rows: List[Dict[str, Any]]) -> pd.DataFrame:
    kinds = {name: kind for name, kind in _OPTIONAL.items() if any(name in row for row in rows)}
    fractions = dict.fromkeys([*SCORES, "last_f1"], "float64")
    return pd.DataFrame(rows, columns=[*COLUMNS, *kinds]).astype({**fractions, **kinds})


def _read_run(folder: Path) -> Dict[str, Any]:
    folds = [_read_training(fold) for fold in fold_folders(folder)]
    return _all_folds(folder, folds) if folds else _read_training(folder)


def _all_folds(folder: Path, folds: List[Dict[str, Any]]) -> Dict[str, Any]:
    row = {
        **folds[0],
        "run": folder.name,
        "minutes": sum(fold["minutes"] for fold in folds),
        FOLDS: len(folds),
    }
    if "score" in row:
        # No predictions of entities that could be put together.
        row["score"] = sum(fold["score"] for fold in folds) / len(folds)
        return row
    scores = _scores(folder, "entities")
    if any(name in row for name in RELATION_SCORES):
        for sense in SENSES:
            of_sense = _scores(folder, sense)
            scores.update({f"{sense}_{name}": value for name, value in of_sense.items()})
    return {**row, **scores, "last_f1": scores["f1"]}


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
            f"{folder} is not a finished run: {error.filename}: {error.strerror}"
        ) from None
    except ValueError as error:
        raise RunError(f"{folder}: a file of the run is not valid JSON: {error}") from None
    # A run that was resumed after its last epoch only states its best epoch.
    metrics = {**epochs[-1], **metrics}
    try:
        row = {
            "run": folder.name,
            "seed": config.get("pytorch_seed"),
            "best_epoch": metrics["best_epoch"] + 1,
            "epochs": metrics["epoch"] + 1,
            "minutes": _minutes(epochs, written),
            "encoder": encoder or None,
        }
    except KeyError as error:
        raise RunError(f"{folder}: metrics.json has no {error}.") from None
    metric = _metric(metrics, config)
    if metric == "f1":
        best = {
            name: metrics[f"best_validation_{name}"]
            for name in [*SCORES, *RELATION_SCORES]
            if f"best_validation_{name}" in metrics
        }
        return {**row, **best, "last_f1": metrics.get("validation_f1")}
    if metric is None:
        raise RunError(f"{folder}: metrics.json has neither a validation metric nor a loss.")
    return {
        **row,
        "metric": metric,
        "score": metrics.get(f"best_validation_{metric}", metrics.get(metric)),
    }


def _metric(metrics: Mapping[str, Any], config: Mapping[str, Any]) -> Optional[str]:
    """
    Return the name of the metric that stands for a run in a line of text.

    Not every training reports F1: a span filter has its filtration rate, a masked language model
    without validation data only its training loss.
    """
    tracked = config.get("trainer", {}).get("validation_metric", "-loss")
    names = [tracked] if isinstance(tracked, str) else tracked
    for name in ["f1", *(name.lstrip("+-") for name in names)]:
        if f"best_validation_{name}" in metrics:
            return name
    return "training_loss" if "training_loss" in metrics else None


def _epoch_files(folder: Path) -> List[Path]:
    files = folder.glob("metrics_epoch_*.json")
    return sorted(files, key=lambda file: int(file.stem.rpartition("_")[2]))


def _minutes(epochs: List[Dict[str, Any]], written: List[float]) -> float:
    # Each epoch states the time since training was started or resumed. A resumed one was started
    # after the previous epoch had been written. Copying may have changed these times; then only a
    # duration below the previous one shows that training was resumed.
    total = previous = 0.0
    end_of_previous = float("inf")
    for metrics, end in zip(epochs, written):
        elapsed = pd.to_timedelta(metrics["training_duration"]).total_seconds()
        if elapsed < previous or end - elapsed > end_of_previous:
            total += previous
        previous, end_of_previous = elapsed, end
    return (total + previous) / 60


def _typed(runs: pd.DataFrame) -> pd.DataFrame:
    # Integers stay integers in a column with gaps.
    kinds = {
        **dict.fromkeys([*SCORES, "last_f1", "minutes"], "float64"),
        "seed": "int64",
        "best_epoch": "Int64",
        "epochs": "Int64",
        "encoder": "string",
        **{name: kind for name, kind in _OPTIONAL.items() if name in runs},
    }
    fractions = [name for name, kind in kinds.items() if kind == "float64"]
    return runs.astype(kinds).round(dict.fromkeys(fractions, 6))


def _shown(name: str, value: object) -> str:
    if pd.isna(value):
        return ""
    if name == "minutes":
        return f"{value:.1f}"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
