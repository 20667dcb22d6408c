"""The part of an exported model that finds relations between the entities that it has found."""

from dataclasses import dataclass
from typing import Dict, List, Mapping, NamedTuple, Sequence

import numpy as np

from sept_runtime.decoding import RelationDecoding, ScoredPairs, top_scoring_entities
from sept_runtime.documents import ScoredSpan
from sept_runtime.formats.json_lines import JsonObject
from sept_runtime.onnx.fields import Fields, FloatArray, Indices
from sept_runtime.onnx.graph import Graph, Signature
from sept_runtime.onnx.pair_scorers import (
    PooledContextScorer,
    RelatedSpans,
    pair_scorer_from_json,
)
from sept_runtime.onnx.pairs import sentence_pairs, stretches
from sept_runtime.onnx.poolings import SpanPooling


class Mentions(NamedTuple):
    """
    Spans of a batch of documents, in order. Words, sentences and positions are counted from the
    first document's first to the last one's last.

    # Parameters

    words, positions : `Indices`
        Shape `(num_spans, 2)`: first and last word, and first and last position in the sequence.
    sentences : `Indices`
        Shape `(num_spans,)`.
    probabilities : `FloatArray`
        Shape `(num_spans, num_classes)`.
    """

    words: Indices
    positions: Indices
    sentences: Indices
    probabilities: FloatArray


@dataclass(frozen=True)
class Relations:
    """
    Which entities make pairs, what scores these, and what their scores mean: what
    `RelationClassifier` is in training, where the parameters are explained.

    # Parameters

    decoding : `RelationDecoding`
    max_distance : `int`
    entities_per_word : `float`
    scorer : `PooledContextScorer`
    """

    decoding: RelationDecoding
    max_distance: int
    entities_per_word: float
    scorer: PooledContextScorer

    @property
    def graphs(self) -> Dict[str, Signature]:
        """The graphs that it needs, by the names of their files."""
        return self.scorer.graphs

    def surest(
        self, entities: Sequence[List[ScoredSpan]], num_words: Sequence[int]
    ) -> List[List[int]]:
        """For each document, of so many words, which of its entities make pairs."""
        return top_scoring_entities(entities, num_words, self.entities_per_word)

    def score(
        self,
        graphs: Mapping[str, Graph],
        pooling: SpanPooling,
        sequence: FloatArray,
        mentions: Mentions,
    ) -> ScoredPairs:
        """
        # Parameters

        graphs : `Mapping[str, Graph]`
        pooling : `SpanPooling`
            What makes vectors of spans.
        sequence : `FloatArray`
            Shape `(num_positions, sequence_dim)`: documents one after the other.
        mentions : `Mentions`
            The entities that make pairs.

        # Returns

        Those of all documents, in their order; the pairs are places among `mentions`.
        """
        pairs = sentence_pairs(mentions.words, mentions.sentences, self.max_distance)
        scores = np.empty((len(pairs), 2, self.scorer.num_scores), np.float32)
        for part in stretches(mentions.positions[pairs[:, 0], 0]):
            # The spans of these pairs, and what they and their contexts lie in.
            first = pairs[part.start, 0]
            spans = slice(first, pairs[part, 1].max() + 1)
            begin, end = mentions.positions[first, 0], mentions.positions[spans, 1].max() + 1
            stretch, positions = sequence[begin:end], mentions.positions[spans] - begin
            starts, ends = positions.T
            vectors = np.empty((len(positions), pooling.output_dim), np.float32)
            pooling.over(stretch, int((ends - starts).max()) + 1)(starts, ends, vectors)
            related = RelatedSpans(
                stretch, mentions.words[spans], positions, vectors, mentions.probabilities[spans]
            )
            one_way = pairs[part] - first
            both_ways = np.concatenate([one_way, one_way[:, ::-1]])
            scored = self.scorer.score(graphs, related, both_ways)
            scores[part] = np.stack(np.split(scored, 2), axis=1)
        # A sigmoid that never overflows.
        return ScoredPairs(pairs, 0.5 * (1.0 + np.tanh(0.5 * scores)))

    @classmethod
    def from_json(cls, fields: Fields) -> "Relations":
        """What `to_json` gives; raises `ExportedModelError` if it is not right."""
        scorer = pair_scorer_from_json(fields.object("scorer"))
        labels = fields.texts("labels")
        if scorer.num_scores != len(labels):
            raise fields.fault(
                f"are {len(labels)}, and the scorer has {scorer.num_scores} scores for them",
                "labels",
            )
        symmetric = fields.texts("symmetric_labels")
        unknown = [label for label in symmetric if label not in labels]
        if unknown:
            raise fields.fault(f"has {', '.join(unknown)}, not among 'labels'", "symmetric_labels")
        return cls(
            RelationDecoding(labels, tuple(symmetric), fields.number("threshold")),
            fields.whole("max_distance"),
            fields.number("entities_per_word"),
            scorer,
        )

    def to_json(self) -> JsonObject:
        """As it stands in a configuration."""
        return {
            "labels": list(self.decoding.labels),
            "symmetric_labels": list(self.decoding.symmetric_labels),
            "threshold": self.decoding.threshold,
            "max_distance": self.max_distance,
            "entities_per_word": self.entities_per_word,
            "scorer": self.scorer.to_json(),
        }
