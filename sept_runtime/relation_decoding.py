"""From scores of pairs of entities to relations: pure functions, as in `decoding`."""

import math
from typing import List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from sept_runtime.documents import (
    SOFT_DIGITS,
    Prediction,
    ScoredRelation,
    ScoredSpan,
    SoftRelation,
    SoftRelations,
)


class ScoredPairs(NamedTuple):
    """
    The pairs of a document's entities, each two of them once.

    # Parameters

    pairs : `NDArray[np.integer]`
        Shape `(num_pairs, 2)`: two different entities, as places in the document's list of them.
    probabilities : `NDArray[np.floating]`
        Shape `(num_pairs, 2, num_labels)`: of relations from the first to the second of each pair,
        and of those the other way.
    """

    pairs: NDArray[np.integer]
    probabilities: NDArray[np.floating]


class RelationDecoding(NamedTuple):
    """
    Which labels relations have, and from which probability on there is one.

    # Parameters

    labels : `Sequence[str]`
        In the order of the probabilities.
    symmetric_labels : `Tuple[str, ...]`
        Those of `labels` whose relations have no direction. Such a one is found once, from the
        first of the pair to the second, and its probability is the mean of both ways.
    threshold : `float`
    """

    labels: Sequence[str]
    symmetric_labels: Tuple[str, ...]
    threshold: float

    def least(self, min_score: float) -> float:
        """From which probability on there is a relation where `min_score` is asked for."""
        return max(self.threshold, min_score)

    def decode(self, scored: ScoredPairs, min_score: float = 0.0) -> List[ScoredRelation]:
        """
        The relations between the entities of one document, ordered by head, tail and label; none
        below `min_score`, which can only raise the threshold.
        """
        pairs, probabilities = scored.pairs, scored.probabilities.copy()
        symmetric = self._symmetric
        probabilities[:, 0, symmetric] = probabilities[:, :, symmetric].mean(axis=1)
        kept = probabilities >= self.least(min_score)
        kept[:, 1, symmetric] = False
        numbers, ways, chosen = kept.nonzero()
        heads, tails = pairs[numbers, ways], pairs[numbers, 1 - ways]
        scores = probabilities[numbers, ways, chosen]
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
        Return the probabilities of all scored pairs of a document, for another model to learn.

        Each pair is listed in both directions. A symmetric label has the mean of both directions.
        Probabilities are rounded, and those below `threshold` are left out.

        # Parameters

        entities : `Sequence[ScoredSpan]`
            The document's entities, to which the indices of the pairs refer.
        scored : `ScoredPairs`
        threshold : `float`
        """
        # In double precision, in which rounded numbers are written with the digits that they have.
        probabilities = scored.probabilities.astype(np.float64)
        mean = probabilities.mean(axis=1, keepdims=True)
        probabilities = np.where(self._symmetric, mean, probabilities)
        rounded = np.where(probabilities < threshold, 0.0, probabilities.round(SOFT_DIGITS))
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
        self,
        entities: Sequence[Prediction],
        scored: Sequence[ScoredPairs],
        min_score: float = 0.0,
        soft_relations: Optional[float] = None,
    ) -> List[Prediction]:
        """
        Return the documents' predictions with the relations that `decode` finds in their pairs.

        With `soft_relations`, soft labels get the probabilities of relations, too.
        """
        predictions = []
        for prediction, pairs in zip(entities, scored):
            soft = prediction.soft
            if soft is not None and soft_relations is not None:
                relations = self.soft_relations(prediction.entities, pairs, soft_relations)
                soft = soft._replace(relations=relations)
            predictions.append(
                prediction._replace(
                    relations=self.decode(pairs, min_score),
                    soft=soft,
                    symmetric_labels=self.symmetric_labels,
                )
            )
        return predictions

    @property
    def _symmetric(self) -> NDArray[np.bool_]:
        """Shape `(num_labels,)`."""
        return np.array([label in self.symmetric_labels for label in self.labels], bool)


def surest_entities(
    entities: Sequence[List[ScoredSpan]], num_words: Sequence[int], per_word: float
) -> List[List[int]]:
    """
    Of each document's entities the most probable.

    # Parameters

    entities : `Sequence[List[ScoredSpan]]`
    num_words : `Sequence[int]`
        Of each document.
    per_word : `float`
        How many at most, as a share of the words, rounded up.

    # Returns

    For each document their places in the list, in order.
    """

    def surest(found: List[ScoredSpan], number: int) -> List[int]:
        by_score = sorted(range(len(found)), key=lambda place: -(found[place].score or 0.0))
        return sorted(by_score[:number])

    return [surest(found, math.ceil(per_word * words)) for found, words in zip(entities, num_words)]
