"""Comparison of two systems by the paired bootstrap over documents."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Callable, List, NamedTuple, Optional, Tuple

import numpy as np
import pandas as pd

from sept_allennlp.experiments.counts import (
    COUNTS,
    HEADINGS,
    Counted,
    count_predictions,
    count_run,
)
from sept_allennlp.experiments.errors import RunError

DOCUMENT_COLUMNS = ["run", "seed", "document", *COUNTS]

# The largest number of values to draw at once.
_AT_ONCE = 2**22


class Difference(NamedTuple):
    """The F1 of a system minus that of a reference, with its interval."""

    f1: float
    low: float
    high: float
    documents: int
    seeds: int

    def __str__(self) -> str:
        interval = f"[{signed(self.low, 4)}, {signed(self.high, 4)}]"
        seeds = f"{self.seeds} seed" + ("s" if self.seeds > 1 else "")
        return f"{signed(self.f1, 4)} {interval}, {self.documents} documents, {seeds}"


def paired_bootstrap(
    counts: np.ndarray,
    reference: np.ndarray,
    draws: int = 10_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Tuple[float, float, float]:
    """
    Return the difference of two systems' micro F1 and its confidence interval.

    Samples of as many documents are drawn with replacement, and both systems are scored on the same
    samples (Koehn, 2004; Berg-Kirkpatrick et al., 2012). The interval holds the central share
    `confidence` of the differences. If it excludes 0, other documents of this kind would probably
    show a difference of the same sign.

    # Parameters

    counts : `numpy.ndarray`
        Shape `(num_documents, 3)`: the number of right, predicted and gold entities (or relations)
        of each document (`COUNTS`), summed over seeds.
    reference : `numpy.ndarray`
        Shape `(num_documents, 3)`: those of the reference, for the same documents in the same
        order.
    draws : `int`, optional (default = `10000`)
    seed : `int`, optional (default = `0`)
    confidence : `float`, optional (default = `0.95`)

    # Returns

    The F1 of the system minus that of the reference, and the bounds of the interval.
    """
    # Shape: (num_documents, 6)
    both = np.concatenate([counts, reference], axis=1)
    generator = np.random.default_rng(seed)
    num_documents = len(both)
    differences: List[np.ndarray] = []
    at_once = max(1, _AT_ONCE // max(1, both.size))
    for start in range(0, draws, at_once):
        size = (min(at_once, draws - start), num_documents)
        # Shape: (number of samples, num_documents)
        samples = generator.integers(num_documents, size=size)
        differences.append(_difference(both[samples].sum(axis=1)))
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(differences), [tail, 1 - tail])
    (difference,) = _difference(both.sum(axis=0, keepdims=True))
    return float(difference), float(low), float(high)


def signed(value: float, digits: int) -> str:
    """Format a difference of scores, such as "+.0121"."""
    return f"{value:+.{digits}f}".replace("0.", ".", 1)


def _difference(sums: np.ndarray) -> np.ndarray:
    return _f1(sums[:, :3]) - _f1(sums[:, 3:])


def _f1(sums: np.ndarray) -> np.ndarray:
    right, predicted, gold = sums.T
    # 0 if nothing is predicted and nothing annotated.
    return 2 * right / np.maximum(predicted + gold, 1)


def compare(system: pd.DataFrame, reference: pd.DataFrame, names: Tuple[str, str]) -> Difference:
    """
    Apply `paired_bootstrap` to the predictions of two systems, for the seeds that both have.

    # Parameters

    system, reference : `pandas.DataFrame`
        A row for each seed and document, with the columns `seed`, `document` and those of `COUNTS`.
    names : `Tuple[str, str]`
        The names of the two in messages.

    # Raises

    `RunError` if there is no such seed, or if the documents or their annotation differ.
    """
    seeds = sorted({*system["seed"]} & {*reference["seed"]})
    if not seeds:
        raise RunError(f"{names[0]} and {names[1]} have no seed in common.")
    first, second = _sums(system, seeds, names[0]), _sums(reference, seeds, names[1])
    others = first.index.symmetric_difference(second.index)
    if len(others):
        raise RunError(
            f"{names[0]} and {names[1]} must predict the same documents, but only one has "
            f"{others[0]!r}" + (f" and {len(others) - 1} more." if len(others) > 1 else ".")
        )
    others = first.index[first["gold"] != second["gold"]]
    if len(others):
        raise RunError(
            f"{names[0]} and {names[1]} have different gold annotations of document {others[0]!r}."
        )
    interval = paired_bootstrap(first.to_numpy(), second.to_numpy())
    return Difference(*interval, len(first), len(seeds))


def _sums(counts: pd.DataFrame, seeds: List[int], name: str) -> pd.DataFrame:
    documents = counts[counts["seed"].isin(seeds)].groupby("document")
    (missing,) = (documents.size() != len(seeds)).to_numpy().nonzero()
    if len(missing):
        key = list(documents.groups)[missing[0]]
        raise RunError(f"{name} has no prediction of document {key!r} with some of its seeds.")
    return documents[COUNTS].sum()


def read_system(path: Path, min_score: float = 0.0, counted: Counted = "entities") -> pd.DataFrame:
    """
    Return the counts of a system for `compare`.

    # Parameters

    path : `Path`
        The folder of a suite's run, with a folder for each seed; or the folder of a single training
        or a file of predictions, whose seed counts as 0.
    min_score, counted :
        As for `count_run`.

    # Raises

    `RunError`, also if relations are counted and no document has annotated relations.
    """
    if path.is_file():
        counts = {0: count_predictions([path], min_score, counted)}
    else:
        seeds = [int(file.name) for file in path.glob("*") if file.is_dir() and file.name.isdigit()]
        runs = {seed: path / str(seed) for seed in sorted(seeds)} or {0: path}
        counts = {seed: count_run(run, min_score, counted) for seed, run in runs.items()}
    table = pd.concat(counts, names=["seed"]).reset_index()
    if table.empty:
        raise RunError(f"{path} has no document with annotated relations.")
    return table


def compare_systems(
    systems: Iterable[Path],
    reference: Path,
    min_scores: Optional[List[float]],
    counted: Counted,
    report: Callable[[str], None],
) -> pd.DataFrame:
    """
    Compare each system with the reference, once for each `min_score`.

    # Parameters

    systems : `Iterable[Path]`
        As for `read_system`.
    reference : `Path`
    min_scores : `List[float]`, optional
        Applied to the systems and not to the reference.
    counted : `Counted`
    report : `Callable[[str], None]`
        Called with a line for each comparison.

    # Returns

    `pandas.DataFrame` with a row for each comparison.
    """
    of_reference = read_system(reference, counted=counted)
    rows = []
    thresholds: Sequence[Optional[float]] = min_scores or [None]
    for path in systems:
        names = (path.name, reference.name)
        if path.name == reference.name:
            names = (str(path), str(reference))
        for min_score in thresholds:
            difference = compare(read_system(path, min_score or 0.0, counted), of_reference, names)
            at_least = "" if min_score is None else f" (score >= {min_score:g})"
            score = f", {HEADINGS[f'{counted}_f1']}" if counted != "entities" else ""
            report(f"{names[0]}{at_least} - {names[1]}{score}: {difference}")
            rows.append((*names, counted, min_score, *difference))
    columns = ["system", "reference", "score", "min_score", *Difference._fields]
    table = pd.DataFrame(rows, columns=columns)
    unused = {"score": counted == "entities", "min_score": not min_scores}
    return table.drop(columns=[name for name, drop in unused.items() if drop])


def collect_documents(
    folder: Path, runs: pd.DataFrame, note: Callable[[str], None]
) -> pd.DataFrame:
    """
    Return the counts of all finished runs of a suite, from the folders `folder/NAME/SEED`.

    # Parameters

    folder : `Path`
    runs : `pandas.DataFrame`
        From `results.collect_suite`.
    note : `Callable[[str], None]`
        Called with a message for each finished run without predictions.

    # Returns

    `pandas.DataFrame` with the columns `run`, `seed`, `document` and those of `COUNTS`.
    """
    counts = {}
    for run in runs.dropna(subset=["f1"]).itertuples():
        try:
            counts[run.run, run.seed] = count_run(folder / run.run / str(run.seed))
        except RunError as error:
            note(str(error))
    if not counts:
        return pd.DataFrame(columns=DOCUMENT_COLUMNS)
    return pd.concat(counts, names=["run", "seed"]).reset_index()


def read_documents(file: Path) -> pd.DataFrame:
    """
    Read the table of `collect_documents` from CSV without its index.

    # Raises

    `RunError` if the file is no such table.
    """
    try:
        documents = pd.read_csv(file, dtype={"run": str, "document": str}, keep_default_na=False)
        return documents[DOCUMENT_COLUMNS].astype(dict.fromkeys(["seed", *COUNTS], "int64"))
    except (ValueError, KeyError) as error:
        raise RunError(f"{file} is not a table of documents: {error}") from None
