from typing import List, Sequence

from sept_runtime.documents import Document, Prediction, ScoredRelation, ScoredSpan
from sept_runtime.options import Decoding

# What it takes for an entity, and how sure it is.
SCORES = {"parser": 0.5, "corpus": 0.75}


class WordPredictor:
    """A `SpanPredictor` that knows two words, and remembers how long its documents were."""

    finds_relations = False
    labels = ("Thing",)

    def __init__(self, max_batch_words: int = 1000) -> None:
        self.max_batch_words = max_batch_words
        self.batches: List[List[int]] = []

    def predict_batch(self, documents: Sequence[Document], decoding: Decoding) -> List[Prediction]:
        self.batches.append([len(document.words) for document in documents])
        return [
            Prediction(
                [
                    ScoredSpan(index, index, "Thing", SCORES[word], (("Thing", SCORES[word]),))
                    for index, word in enumerate(document.words)
                    if SCORES.get(word, 0.0) > decoding.min_score
                ]
            )
            for document in documents
        ]


class NeighborPredictor(WordPredictor):
    """Knows besides that each thing comes before the next."""

    finds_relations = True

    def predict_batch(self, documents: Sequence[Document], decoding: Decoding) -> List[Prediction]:
        return [
            Prediction(
                found.entities,
                [
                    ScoredRelation(index, index + 1, "BEFORE", 0.25)
                    for index in range(len(found.entities) - 1)
                    if decoding.min_relation_score <= 0.25
                ],
            )
            for found in super().predict_batch(documents, decoding)
        ]
