"""Whether one system is better than another: the paired bootstrap over documents."""

from pathlib import Path
from typing import Callable, List, NamedTuple, Tuple

import numpy
import pandas

from sept_allennlp.experiments.counts import COUNTS, Counted, count_predictions, count_run
from sept_allennlp.experiments.errors import RunError

DOCUMENT_COLUMNS = ["run", "seed", "document", *COUNTS]

# The most numbers that are drawn at once.
_AT_ONCE = 2**22


class Difference(NamedTuple):
    """
    By how much the F1 of one system is higher than that of another, the borders of its interval,
    and over how many documents and seeds.
    """

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
    counts: numpy.ndarray,
    reference: numpy.ndarray,
    draws: int = 10_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Tuple[float, float, float]:
    """
    The difference of two systems' micro F1, and the interval in which it lies for as large a share
    as `confidence` of samples of as many documents, which are drawn with replacement from those
    that there are; both systems are scored on the same samples (Koehn, 2004; Berg-Kirkpatrick et
    al., 2012). An interval without 0 speaks for a difference that other documents like these would
    show, too.

    # Parameters

    counts : `numpy.ndarray`
        Shape `(num_documents, 3)`: how many entities (or relations) of each document the system has
        right, has predicted, and are annotated (`COUNTS`); sums, where it was trained several
        times.
    reference : `numpy.ndarray`
        Shape `(num_documents, 3)`: those of the other system, for the same documents in the same
        order.
    draws : `int`, optional (default = `10000`)
    seed : `int`, optional (default = `0`)
    confidence : `float`, optional (default = `0.95`)

    # Returns

    The F1 of the system less that of the reference, and the lower and upper border.
    """
    # Shape: (num_documents, 6)
    both = numpy.concatenate([counts, reference], axis=1)
    generator = numpy.random.default_rng(seed)
    num_documents = len(both)
    differences: List[numpy.ndarray] = []
    at_once = max(1, _AT_ONCE // max(1, both.size))
    for start in range(0, draws, at_once):
        size = (min(at_once, draws - start), num_documents)
        # Shape: (number of samples, num_documents)
        samples = generator.integers(num_documents, size=size)
        differences.append(_difference(both[samples].sum(axis=1)))
    tail = (1 - confidence) / 2
    low, high = numpy.quantile(numpy.concatenate(differences), [tail, 1 - tail])
    (difference,) = _difference(both.sum(axis=0, keepdims=True))
    return float(difference), float(low), float(high)


def signed(value: float, digits: int) -> str:
    """A difference of scores, as "+.0121"."""
    return f"{value:+.{digits}f}".replace("0.", ".", 1)


def _difference(sums: numpy.ndarray) -> numpy.ndarray:
    return _f1(sums[:, :3]) - _f1(sums[:, 3:])


def _f1(sums: numpy.ndarray) -> numpy.ndarray:
    right, predicted, gold = sums.T
    # 0 where nothing is predicted and nothing annotated.
    return 2 * right / numpy.maximum(predicted + gold, 1)


def compare(
    system: pandas.DataFrame, reference: pandas.DataFrame, names: Tuple[str, str]
) -> Difference:
    """
    `paired_bootstrap` for what two systems have predicted with the seeds that both have.

    # Parameters

    system, reference : `pandas.DataFrame`
        A row for each seed and document, with the columns `seed`, `document` and those of `COUNTS`.
    names : `Tuple[str, str]`
        What messages call the two.

    # Raises

    `RunError` where there is no such seed, or the documents or their annotation are not the same.
    """
    seeds = sorted({*system["seed"]} & {*reference["seed"]})
    if not seeds:
        raise RunError(f"{names[0]} and {names[1]} have no seed in common")
    first, second = _sums(system, seeds, names[0]), _sums(reference, seeds, names[1])
    others = first.index.symmetric_difference(second.index)
    if len(others):
        raise RunError(
            f"{names[0]} and {names[1]} have not predicted the same documents: only one of them "
            f"has {others[0]!r}" + (f" and {len(others) - 1} more" if len(others) > 1 else "")
        )
    others = first.index[first["gold"] != second["gold"]]
    if len(others):
        raise RunError(
            f"{names[0]} and {names[1]} were not scored against the same annotation: document "
            f"{others[0]!r} differs"
        )
    interval = paired_bootstrap(first.to_numpy(), second.to_numpy())
    return Difference(*interval, len(first), len(seeds))


def _sums(counts: pandas.DataFrame, seeds: List[int], name: str) -> pandas.DataFrame:
    documents = counts[counts["seed"].isin(seeds)].groupby("document")
    (missing,) = (documents.size() != len(seeds)).to_numpy().nonzero()
    if len(missing):
        key = list(documents.groups)[missing[0]]
        raise RunError(f"{name} has not predicted document {key!r} with every seed")
    return documents[COUNTS].sum()


def read_system(
    path: Path, min_score: float = 0.0, counted: Counted = "entities"
) -> pandas.DataFrame:
    """
    The counts of a system for `compare`.

    # Parameters

    path : `Path`
        The folder of a run of a suite, with one folder a seed in it; or that of a single training,
        or a file of predictions, whose seed then counts as 0.
    min_score, counted :
        As for `count_run`.

    # Raises

    `RunError`, also where relations are to be counted and no document's are annotated.
    """
    if path.is_file():
        counts = {0: count_predictions([path], min_score, counted)}
    else:
        seeds = [int(file.name) for file in path.glob("*") if file.is_dir() and file.name.isdigit()]
        runs = {seed: path / str(seed) for seed in sorted(seeds)} or {0: path}
        counts = {seed: count_run(run, min_score, counted) for seed, run in runs.items()}
    table = pandas.concat(counts, names=["seed"]).reset_index()
    if table.empty:
        raise RunError(f"{path}: there is no document whose relations are annotated")
    return table


def collect_documents(
    folder: Path, runs: pandas.DataFrame, note: Callable[[str], None]
) -> pandas.DataFrame:
    """
    The counts of all finished runs of a suite, which lie in `folder/NAME/SEED`.

    # Parameters

    folder : `Path`
    runs : `pandas.DataFrame`
        From `results.collect_suite`.
    note : `Callable[[str], None]`
        Takes why a finished run has none.

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
        return pandas.DataFrame(columns=DOCUMENT_COLUMNS)
    return pandas.concat(counts, names=["run", "seed"]).reset_index()


def read_documents(file: Path) -> pandas.DataFrame:
    """
    What `collect_documents` gave, written as CSV without its index.

    # Raises

    `RunError` for a file that is no such table.
    """
    try:
        documents = pandas.read_csv(
            file, dtype={"run": str, "document": str}, keep_default_na=False
        )
        return documents[DOCUMENT_COLUMNS].astype(dict.fromkeys(["seed", *COUNTS], "int64"))
    except (ValueError, KeyError) as error:
        raise RunError(f"{file}: not a table of documents: {error}") from None
