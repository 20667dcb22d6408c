"""What two models find differently."""

from typing import Iterable, List, Tuple, TypeVar

from sept_runtime.documents import ScoredRelation, ScoredSpan

# How near a score must be to another, or to a threshold, for rounding to decide between them.
TIE = 1e-4

Found = TypeVar("Found", ScoredSpan, ScoredRelation)


def differing(expected: Iterable[Found], found: Iterable[Found]) -> Tuple[int, List[Found]]:
    """
    How many are expected, and those that only one of the two has, whatever their scores, in order.
    """
    ours, theirs = ({each[:3]: each for each in side} for side in (expected, found))
    strange = ours.keys() ^ theirs.keys()
    return len(ours), [{**theirs, **ours}[key] for key in sorted(strange)]
