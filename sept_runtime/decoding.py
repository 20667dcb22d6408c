"""Decode scores into entities and relations: pure functions for metrics and predictors."""

import math
from typing import List, NamedTuple, Optional, Sequence, Set, Tuple

import numpy as np
from numpy.typing import NDArray

from sept_runtime.calibration import Calibration
from sept_runtime.documents import (
    Prediction,
    ScoredRelation,
    ScoredSpan,
    SoftAnnotation,
    SoftRelation,
    SoftRelations,
    SoftSpan,
)
from sept_runtime.options import Decoding

# The class of candidates that are not entities; the labels follow it.
NO_ENTITY = 0

# Scores as they are.
_UNCALIBRATED = Calibration()

# Probabilities of soft labels are rounded to this number of digits, which keeps files small.
_SOFT_DIGITS = 4


def decode(
    probabilities: NDArray[np.floating],
    spans: NDArray[np.integer],
    labels: Sequence[str],
    decoding: Optional[Decoding] = None,
    calibration: Calibration = _UNCALIBRATED,
) -> List[ScoredSpan]:
    """
    Decode the entities of one document, ordered by start and end.

    # Parameters

    probabilities : `NDArray[np.floating]`
        Shape `(num_spans, 1 + num_labels)`; class `NO_ENTITY` comes first.
    spans : `NDArray[np.integer]`
        Shape `(num_spans, 2)`: first and last word, both inclusive.
    labels : `Sequence[str]`
        The names of the classes that follow `NO_ENTITY`.
    decoding : `Decoding`, optional (default = `Decoding()`)
    calibration : `Calibration`, optional
        What the scores of entities become, to which `decoding.min_score` applies.
    """
    decoding = decoding or Decoding()
    # Shape (each): (num_spans,)
    classes = probabilities.argmax(axis=-1)
    predicted = (classes != NO_ENTITY).nonzero()[0]
    entities = entities_of(
        spans[predicted],
        classes[predicted] - 1,
        calibration(probabilities[predicted, 1:]),
        labels,
        decoding,
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
    Build entities from spans and their chosen labels, dropping those below `decoding.min_score`.

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
    Return the label probabilities of likely entities, for training another model on them.

    A candidate is listed if it is an entity, of any label, with a probability of at least
    `threshold`. Probabilities are rounded to four digits. The other parameters are those of
    `decode`.
    """
    listed = (1 - probabilities[:, NO_ENTITY] >= threshold).nonzero()[0]
    listed = listed[np.lexsort((spans[listed, 1], spans[listed, 0]))]
    # In double precision, so that rounded numbers are written with few digits.
    rounded = probabilities[listed, 1:].astype(np.float64).round(_SOFT_DIGITS)
    return SoftAnnotation(
        tuple(labels),
        [
            SoftSpan(start, end, {label: value for label, value in zip(labels, row) if value})
            for (start, end), row in zip(spans[listed].tolist(), rounded.tolist())
        ],
    )


def without_overlaps(entities: Sequence[ScoredSpan]) -> List[ScoredSpan]:
    """Keep entities greedily, the most probable first, that share no word with a kept one."""
    taken: List[ScoredSpan] = []
    covered: Set[int] = set()
    for entity in sorted(entities, key=lambda e: (-(e.score or 0.0), e.start, e.end)):
        words = range(entity.start, entity.end + 1)
        if covered.isdisjoint(words):
            covered.update(words)
            taken.append(entity)
    return taken


class ScoredPairs(NamedTuple):
    """
    All unordered pairs of a document's entities, with their scores.

    # Parameters

    pairs : `NDArray[np.integer]`
        Shape `(num_pairs, 2)`: two different entities, as indices into the document's entities.
    probabilities : `NDArray[np.floating]`
        Shape `(num_pairs, 2, num_labels)`: for relations from the first entity of each pair to the
        second, and for relations from the second to the first.
    """

    pairs: NDArray[np.integer]
    probabilities: NDArray[np.floating]


class RelationDecoding(NamedTuple):
    """
    The labels of relations, and the threshold that a relation's probability must reach.

    # Parameters

    labels : `Sequence[str]`
        In the order of the probabilities.
    symmetric_labels : `Tuple[str, ...]`
        Labels without a direction. Such a relation is reported once, from the first entity of the
        pair to the second, with the mean probability of both directions.
    threshold : `float`
        Of the probability before its calibration.
    calibration : `Calibration`, optional
        What the scores of relations become.
    """

    labels: Sequence[str]
    symmetric_labels: Tuple[str, ...]
    threshold: float
    calibration: Calibration = _UNCALIBRATED

    def least(self, min_score: float) -> float:
        """Return the threshold of calibrated scores that applies when `min_score` is requested."""
        return max(self.calibration.threshold(self.threshold), min_score)

    def decode(self, scored: ScoredPairs, min_score: float = 0.0) -> List[ScoredRelation]:
        """
        Decode the relations of one document, ordered by head, tail and label.

        `min_score` applies to calibrated scores, and can only raise the threshold.
        """
        pairs, probabilities = scored.pairs, scored.probabilities.copy()
        symmetric = self._symmetric
        probabilities[:, 0, symmetric] = probabilities[:, :, symmetric].mean(axis=1)
        calibrated = self.calibration(probabilities)
        kept = (probabilities >= self.threshold) & (calibrated >= min_score)
        kept[:, 1, symmetric] = False
        numbers, ways, chosen = kept.nonzero()
        heads, tails = pairs[numbers, ways], pairs[numbers, 1 - ways]
        scores = calibrated[numbers, ways, chosen]
        return sorted(
            ScoredRelation(head, tail, self.labels[label], score)
            for head, tail, label, score in zip(
                heads.tolist(), tails.tolist(), chosen.tolist(), scores.tolist()
            )
        )

    def soft_relations(
        self, entities: Sequence[ScoredSpan], scored: ScoredPairs, threshold: float
    ) -> SoftRelations:
        """
        Return the probabilities of all scored pairs of a document, for training another model.

        Each pair is listed in both directions. A symmetric label has the mean of both directions.
        Probabilities are rounded to four digits, and those below `threshold` are left out.

        # Parameters

        entities : `Sequence[ScoredSpan]`
            The document's entities, to which the indices of the pairs refer.
        scored : `ScoredPairs`
        threshold : `float`
        """
        # In double precision, so that rounded numbers are written with few digits.
        probabilities = scored.probabilities.astype(np.float64)
        mean = probabilities.mean(axis=1, keepdims=True)
        probabilities = np.where(self._symmetric, mean, probabilities)
        rounded = np.where(probabilities < threshold, 0.0, probabilities.round(_SOFT_DIGITS))
        places = [(entity.start, entity.end) for entity in entities]
        pairs = [
            SoftRelation(
                places[head],
                places[tail],
                {label: value for label, value in zip(self.labels, row) if value},
            )
            for (first, second), ways in zip(scored.pairs.tolist(), rounded.tolist())
            for head, tail, row in ((first, second, ways[0]), (second, first, ways[1]))
        ]
        return SoftRelations(tuple(self.labels), sorted(pairs, key=lambda pair: pair[:2]))

    def predict(
        self, entities: Sequence[Prediction], scored: Sequence[ScoredPairs], decoding: Decoding
    ) -> List[Prediction]:
        """Add the decoded relations, and soft labels of relations, to the predictions."""
        predictions = []
        for prediction, pairs in zip(entities, scored):
            soft, least = prediction.soft, decoding.soft_relations
            if soft is not None and least is not None:
                relations = self.soft_relations(prediction.entities, pairs, least)
                soft = soft._replace(relations=relations)
            predictions.append(
                prediction._replace(
                    relations=self.decode(pairs, decoding.min_relation_score),
                    soft=soft,
                    symmetric_labels=self.symmetric_labels,
                )
            )
        return predictions

    @property
    def _symmetric(self) -> NDArray[np.bool_]:
        """Shape `(num_labels,)`."""
        return np.array([label in self.symmetric_labels for label in self.labels], bool)


def top_scoring_entities(
    entities: Sequence[List[ScoredSpan]], num_words: Sequence[int], per_word: float
) -> List[List[int]]:
    """
    Return the indices of each document's most probable entities, in ascending order.

    # Parameters

    entities : `Sequence[List[ScoredSpan]]`
    num_words : `Sequence[int]`
        The number of words of each document.
    per_word : `float`
        The maximum number of entities per word of the document; the product is rounded up.
    """

    kept = []
    for found, words in zip(entities, num_words):
        by_score = sorted(range(len(found)), key=lambda index: -(found[index].score or 0.0))
        kept.append(sorted(by_score[: math.ceil(per_word * words)]))
    return kept
