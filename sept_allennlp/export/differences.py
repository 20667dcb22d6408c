"""Differences between the predictions of two models."""

from typing import Iterable, List, Sequence, Tuple, TypeVar

import numpy as np

from sept_runtime.decoding import decode
from sept_runtime.documents import ScoredRelation, ScoredSpan
from sept_runtime.onnx.predictor import ExportedPredictor
from sept_runtime.onnx.scored_batch import ScoredCandidates

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


def compare_exports(
    model: ExportedPredictor,
    expected: Sequence[ScoredCandidates],
    found: Sequence[ScoredCandidates],
) -> Tuple[float, int, int]:
    """
    Compare the scores of two exports of a model for the same documents.

    # Returns

    The largest difference of a span's probability, the number of entities that both find together,
    and of those that only one finds.
    """
    difference, num_entities, num_differing = 0.0, 0, 0
    for ours, theirs in zip(expected, found, strict=True):
        # A filter may keep other candidates.
        if np.array_equal(ours.spans, theirs.spans):
            differences = np.abs(ours.probabilities - theirs.probabilities)
            difference = max(difference, float(differences.max(initial=0.0)))
        entities = [
            decode(each.probabilities, each.spans, model.labels, model.decoding, model.calibration)
            for each in (ours, theirs)
        ]
        num_entities += sum(map(len, entities))
        num_differing += len(differing(*entities)[1])
    return difference, num_entities, num_differing
