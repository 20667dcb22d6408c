"""From scores to labeled spans: pure functions, used by metrics and predictors alike."""

from dataclasses import dataclass, replace
from typing import Any, List, Optional, Sequence, Set

import numpy as np
from numpy.typing import NDArray

from sept_runtime.documents import SOFT_DIGITS, ScoredSpan, SoftAnnotation, SoftSpan

# The class of a candidate that is no entity; the labels follow it.
NO_ENTITY = 0


@dataclass(frozen=True)
class Decoding:
    """
    Which of the classified spans become entities, and which pairs of these relations.

    # Parameters

    flat : `bool`, optional (default = `False`)
        If true, no two entities share a word: of those that do, the most probable stays. The paper
        classifies each span for itself, which lets entities nest; that is the default.
    min_score : `float`, optional (default = `0.0`)
        A probability; entities below it are dropped.
    top_labels : `int`, optional (default = `0`)
        How many labels to report for each entity.
    min_relation_score : `float`, optional (default = `0.0`)
        A probability; relations below it are dropped.
    soft_labels : `float`, optional (default = `None`)
        A probability: beside the entities, report what the model believes of each candidate that is
        an entity with at least this probability, whatever becomes of it (`soft_annotation`), for a
        smaller model to learn.
    soft_relations : `float`, optional (default = `None`)
        A probability: beside `soft_labels`, report for each pair of entities the probabilities of
        relations, leaving out labels below this one. The model must find relations.

    # Raises

    `ValueError` for a `min_score`, `min_relation_score`, `soft_labels` or `soft_relations` that is
    no probability, a negative `top_labels`, and `soft_relations` without `soft_labels`.
    """

    flat: bool = False
    min_score: float = 0.0
    top_labels: int = 0
    min_relation_score: float = 0.0
    soft_labels: Optional[float] = None
    soft_relations: Optional[float] = None

    def __post_init__(self) -> None:
        for name in ("min_score", "min_relation_score", "soft_labels", "soft_relations"):
            score = getattr(self, name)
            if score is not None and not 0.0 <= score <= 1.0:
                raise ValueError(f"{name} must lie between 0 and 1: {score}")
        if self.top_labels < 0:
            raise ValueError(f"top_labels must not be negative: {self.top_labels}")
        if self.soft_relations is not None and self.soft_labels is None:
            raise ValueError("soft_relations needs soft_labels: give both, such as 0.01 and 0.01")

    def changed(self, **options: Any) -> "Decoding":
        """
        The same with what is given instead of its own; what is `None` stays.

        # Raises

        `TypeError` for an option that there is not, and `ValueError` as above.
        """
        return replace(
            self, **{name: value for name, value in options.items() if value is not None}
        )


def decode(
    probabilities: NDArray[np.floating],
    spans: NDArray[np.integer],
    labels: Sequence[str],
    decoding: Optional[Decoding] = None,
) -> List[ScoredSpan]:
    """
    The entities of one document, ordered by place.

    # Parameters

    probabilities : `NDArray[np.floating]`
        Shape `(num_spans, 1 + num_labels)`; class `NO_ENTITY` comes first.
    spans : `NDArray[np.integer]`
        Shape `(num_spans, 2)`: first and last word, both inclusive.
    labels : `Sequence[str]`
        The names of the classes after `NO_ENTITY`.
    decoding : `Decoding`, optional (default = `Decoding()`)
    """
    decoding = decoding or Decoding()
    # Shape (each): (num_spans,)
    classes = probabilities.argmax(axis=-1)
    predicted = (classes != NO_ENTITY).nonzero()[0]
    entities = entities_of(
        spans[predicted], classes[predicted] - 1, probabilities[predicted, 1:], labels, decoding
    )
    if decoding.flat:
        entities = without_overlaps(entities)
    return sorted(entities)


def entities_of(
    spans: NDArray[np.integer],
    chosen: NDArray[np.integer],
    probabilities: NDArray[np.floating],
    labels: Sequence[str],
    decoding: Decoding,
) -> List[ScoredSpan]:
    """
    The entities that spans make with the labels chosen for them, without those that are less
    probable than `decoding.min_score`.

    # Parameters

    spans : `NDArray[np.integer]`
        Shape `(num_spans, 2)`: first and last word, both inclusive.
    chosen : `NDArray[np.integer]`
        Shape `(num_spans,)`: each span's label, as an index into `labels`.
    probabilities : `NDArray[np.floating]`
        Shape `(num_spans, num_labels)`.
    labels : `Sequence[str]`
    decoding : `Decoding`
    """
    # Shape: (num_spans,)
    scores = probabilities[np.arange(len(chosen)), chosen]
    kept = (scores >= decoding.min_score).nonzero()[0]
    entities = [
        ScoredSpan(start, end, labels[label], score)
        for (start, end), label, score in zip(
            spans[kept].tolist(), chosen[kept].tolist(), scores[kept].tolist()
        )
    ]
    if decoding.top_labels:
        # Shape: (num_kept, top_labels), the most probable first
        top = (-probabilities[kept]).argsort(axis=-1, kind="stable")[:, : decoding.top_labels]
        values = np.take_along_axis(probabilities[kept], top, axis=-1)
        entities = [
            entity._replace(labels=tuple((labels[i], p) for i, p in zip(indices, row)))
            for entity, indices, row in zip(entities, top.tolist(), values.tolist())
        ]
    return entities


def soft_annotation(
    probabilities: NDArray[np.floating],
    spans: NDArray[np.integer],
    labels: Sequence[str],
    threshold: float,
) -> SoftAnnotation:
    """
    What a model believes of the candidates of one document, as far as it believes them to be
    entities, of whatever label, with a probability of `threshold` or more. Probabilities are
    rounded to four digits. The other parameters are those of `decode`.
    """
    listed = (1 - probabilities[:, NO_ENTITY] >= threshold).nonzero()[0]
    listed = listed[np.lexsort((spans[listed, 1], spans[listed, 0]))]
    # In double precision, in which rounded numbers are written with the digits that they have.
    rounded = probabilities[listed, 1:].astype(np.float64).round(SOFT_DIGITS)
    return SoftAnnotation(
        tuple(labels),
        [
            SoftSpan(start, end, {label: value for label, value in zip(labels, row) if value})
            for (start, end), row in zip(spans[listed].tolist(), rounded.tolist())
        ],
    )


def without_overlaps(entities: Sequence[ScoredSpan]) -> List[ScoredSpan]:
    """Greedily, the most probable first, the entities that share no word with one taken before."""
    taken: List[ScoredSpan] = []
    covered: Set[int] = set()
    for entity in sorted(entities, key=lambda e: (-(e.score or 0.0), e.start, e.end)):
        words = range(entity.start, entity.end + 1)
        if covered.isdisjoint(words):
            covered.update(words)
            taken.append(entity)
    return taken
