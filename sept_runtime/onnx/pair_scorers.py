"""What an exported model says of pairs of spans."""

from typing import ClassVar, Dict, Mapping, NamedTuple, Tuple, Type

import numpy as np

from sept_runtime.formats.json_lines import JsonObject
from sept_runtime.onnx.fields import Fields, FloatArray, Indices, array_to_json
from sept_runtime.onnx.graph import Graph, Signature, head_signature
from sept_runtime.onnx.poolings import MaxPool
from sept_runtime.onnx.rows import score_rows


class RelatedSpans(NamedTuple):
    """
    Spans between which there may be relations, in order, and the sequence that they lie in.

    # Parameters

    sequence : `FloatArray`
        Shape `(num_positions, sequence_dim)`.
    words, positions : `Indices`
        Shape `(num_spans, 2)`: first and last word, and first and last position in the sequence.
    vectors : `FloatArray`
        Shape `(num_spans, span_dim)`.
    probabilities : `FloatArray`
        Shape `(num_spans, num_classes)`: of "no entity" and of each label.
    """

    sequence: FloatArray
    words: Indices
    positions: Indices
    vectors: FloatArray
    probabilities: FloatArray


class PooledContextScorer:
    """
    A graph over each pair's vector: of head and of tail the vector and the embedding of the label,
    averaged by the probabilities of the labels; the element-wise maximum over what lies between the
    two, zero where nothing does; and an embedding of how many words that are and of which comes
    first.

    # Parameters

    span_dim, sequence_dim : `int`
        Of spans' vectors, and of the sequence's.
    labels : `FloatArray`
        Shape `(num_classes, label_dim)`.
    distances : `FloatArray`
        Shape `(2, num_distances, distance_dim)`: by how many words there are between them, where
        head comes first and where tail does; more words share the last row.
    graph : `str`
        The name of its file.
    num_scores : `int`
        Of each pair.
    """

    type: ClassVar[str] = "pooled_context"

    def __init__(
        self,
        span_dim: int,
        sequence_dim: int,
        labels: FloatArray,
        distances: FloatArray,
        graph: str,
        num_scores: int,
    ) -> None:
        self.span_dim = span_dim
        self.sequence_dim = sequence_dim
        self.num_scores = num_scores
        self._labels = labels
        self._distances = distances
        self._graph = graph
        self._context = MaxPool(sequence_dim)

    @property
    def num_classes(self) -> int:
        """Of spans, "no entity" included."""
        return len(self._labels)

    @property
    def pair_dim(self) -> int:
        """Of a pair's vector."""
        label_dim, distance_dim = self._labels.shape[1], self._distances.shape[2]
        return 2 * (self.span_dim + int(label_dim)) + self.sequence_dim + int(distance_dim)

    @property
    def graphs(self) -> Dict[str, Signature]:
        """The graphs that it needs, by the names of their files."""
        return {self._graph: head_signature(self.pair_dim, self.num_scores)}

    def score(self, graphs: Mapping[str, Graph], spans: RelatedSpans, pairs: Indices) -> FloatArray:
        """
        # Parameters

        graphs : `Mapping[str, Graph]`
        spans : `RelatedSpans`
        pairs : `Indices`
            Shape `(num_pairs, 2)`: head and tail, as places among the spans; at least one.

        # Returns

        Shape `(num_pairs, num_scores)`.
        """
        heads, tails = pairs.T
        # Shape (each): (num_pairs,)
        first, last = _between(spans.positions, heads, tails)
        nothing = first > last
        first, last = np.where(nothing, 0, first), np.where(nothing, 0, last)
        pool = self._context.over(spans.sequence, int((last - first).max()) + 1)
        first_word, last_word = _between(spans.words, heads, tails)
        distances = (last_word - first_word + 1).clip(0, self._distances.shape[1] - 1)
        # In order, the one that comes later has the higher place.
        orders = (heads > tails).astype(np.int64)
        ends = np.cumsum([self.span_dim, self._labels.shape[1]] * 2 + [self.sequence_dim])

        def fill(part: slice, out: FloatArray) -> None:
            head, head_label, tail, tail_label, context, distance = np.split(out, ends, axis=1)
            for vectors, labels, places in (
                (head, head_label, heads[part]),
                (tail, tail_label, tails[part]),
            ):
                vectors[:] = spans.vectors[places]
                labels[:] = spans.probabilities[places] @ self._labels
            pool(first[part], last[part], context)
            context[nothing[part]] = 0.0
            distance[:] = self._distances[orders[part], distances[part]]

        return score_rows(graphs[self._graph], len(pairs), self.pair_dim, self.num_scores, fill)

    @classmethod
    def from_json(cls, fields: Fields) -> "PooledContextScorer":
        """What `to_json` gives; raises `ExportedModelError` if it is not right."""
        distances = fields.array("distances", 2, -1, -1)
        if not distances.shape[1]:
            raise fields.fault("is empty", "distances")
        return cls(
            fields.whole("span_dim", least=1),
            fields.whole("sequence_dim", least=1),
            fields.array("labels", -1, -1),
            distances,
            fields.text("graph"),
            fields.whole("num_scores", least=1),
        )

    def to_json(self) -> JsonObject:
        """As it stands in a configuration."""
        return {
            "type": self.type,
            "graph": self._graph,
            "num_scores": self.num_scores,
            "span_dim": self.span_dim,
            "sequence_dim": self.sequence_dim,
            "labels": array_to_json(self._labels),
            "distances": array_to_json(self._distances),
        }


def _between(places: Indices, heads: Indices, tails: Indices) -> Tuple[Indices, Indices]:
    """
    First and last place between each two of the spans at `places`, of shape `(num_spans, 2)`; the
    last comes before the first where there is none.
    """
    starts, ends = places.T
    first: Indices = np.minimum(ends[heads], ends[tails]) + 1
    last: Indices = np.maximum(starts[heads], starts[tails]) - 1
    return first, last


_TYPES: Dict[str, Type[PooledContextScorer]] = {PooledContextScorer.type: PooledContextScorer}


def pair_scorer_from_json(fields: Fields) -> PooledContextScorer:
    """
    # Raises

    `ExportedModelError` if it is none that is known here.
    """
    return fields.one_of("type", _TYPES).from_json(fields)
