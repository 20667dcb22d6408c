"""Entities and relations that only one of two models finds."""

from typing import Iterable, List, Tuple, TypeVar

from sept_runtime.documents import ScoredRelation, ScoredSpan

# If a score is this close to another one, or to a threshold, rounding may decide between them.
TIE = 1e-4

Found = TypeVar("Found", ScoredSpan, ScoredRelation)


def differing(expected: Iterable[Found], found: Iterable[Found]) -> Tuple[int, List[Found]]:
    """
    Return the number of expected items, and the items that only one side has, in order.

    Scores are not compared.
    """
    ours, theirs = ({each[:3]: each for each in side} for side in (expected, found))
    unshared = ours.keys() ^ theirs.keys()
    return len(ours), [{**theirs, **ours}[key] for key in sorted(unshared)]
