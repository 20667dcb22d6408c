"""The scorer of all peers: strict micro precision, recall and F1 by characters."""

from typing import Dict, Iterable, List, Sequence, Tuple

LabeledCharacters = Tuple[int, int, str]


def strict_scores(
    predicted: Sequence[Iterable[LabeledCharacters]], gold: Sequence[Iterable[LabeledCharacters]]
) -> Dict[str, float]:
    """
    Score predictions. An entity is right if start, end and label are. All gold entities count, also
    those that overlap or that a peer cannot express. Duplicate predictions count once.

    # Parameters

    predicted, gold : `Sequence[Iterable[Tuple[int, int, str]]]`
        Per text its entities: first character, the one after the last, label.

    # Returns

    `precision`, `recall`, `f1`, as fractions; 0 where nothing is to be divided by.

    # Raises

    `ValueError` if there are not as many texts in one as in the other.
    """
    pairs = list(zip(_sets(predicted), _sets(gold), strict=True))
    right = sum(len(found & annotated) for found, annotated in pairs)
    precision = _ratio(right, sum(len(found) for found, _ in pairs))
    recall = _ratio(right, sum(len(annotated) for _, annotated in pairs))
    return {
        "precision": precision,
        "recall": recall,
        "f1": _ratio(2 * precision * recall, precision + recall),
    }


def _sets(texts: Sequence[Iterable[LabeledCharacters]]) -> List[set]:
    # JSON has no tuples.
    return [{tuple(entity) for entity in entities} for entities in texts]


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else 0.0
