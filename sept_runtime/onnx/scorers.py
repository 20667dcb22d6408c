"""What an exported model says of spans."""

from abc import ABC, abstractmethod
from typing import Callable, ClassVar, Dict, Mapping, Type

import numpy as np

from sept_runtime.formats.json_lines import JsonObject
from sept_runtime.onnx.fields import Fields, FloatArray, Indices, array_to_json
from sept_runtime.onnx.graph import Graph, Signature, head_signature
from sept_runtime.onnx.poolings import SpanPooling, pooling_from_json
from sept_runtime.onnx.rows import parts, score_rows

# Takes the first and last positions of some spans, both inclusive, and their widths in words, each
# of shape (num_spans,), and gives scores of shape (num_spans, num_scores).
Score = Callable[[Indices, Indices, Indices], FloatArray]


class SpanScorer(ABC):
    """
    Scores spans by the vectors of a sequence. A subclass has the name `type` in configurations.

    # Parameters

    input_dim : `int`
        The width of the sequence.
    num_scores : `int`
        Of each span.
    """

    type: ClassVar[str]

    def __init__(self, input_dim: int, num_scores: int) -> None:
        self.input_dim = input_dim
        self.num_scores = num_scores

    @property
    def graphs(self) -> Dict[str, Signature]:
        """The graphs that it needs, by the names of their files."""
        return {}

    @abstractmethod
    def over(self, graphs: Mapping[str, Graph], sequence: FloatArray, widest: int) -> Score:
        """As for `SpanPooling`."""

    @abstractmethod
    def parameters(self) -> JsonObject:
        """What `from_json` makes it from, for a configuration."""

    def to_json(self) -> JsonObject:
        """As it stands in a configuration."""
        return {"type": self.type, **self.parameters()}


class PooledScorer(SpanScorer):
    """
    A graph over each span's vector.

    # Parameters

    pooling : `SpanPooling`
    graph : `str`
        The name of its file.
    num_scores : `int`
    """

    type = "pooled"

    def __init__(self, pooling: SpanPooling, graph: str, num_scores: int) -> None:
        super().__init__(pooling.input_dim, num_scores)
        self.pooling = pooling
        self._graph = graph

    @property
    def graphs(self) -> Dict[str, Signature]:
        """The graphs that it needs, by the names of their files."""
        return {self._graph: head_signature(self.pooling.output_dim, self.num_scores)}

    def over(self, graphs: Mapping[str, Graph], sequence: FloatArray, widest: int) -> Score:
        """As for the class that this is derived from."""
        pool = self.pooling.over(sequence, widest)
        head = graphs[self._graph]

        def score(starts: Indices, ends: Indices, widths: Indices) -> FloatArray:
            def fill(part: slice, out: FloatArray) -> None:
                pool(starts[part], ends[part], out)

            dim = self.pooling.output_dim
            return score_rows(head, len(starts), dim, self.num_scores, fill)

        return score

    @classmethod
    def from_json(cls, fields: Fields) -> "PooledScorer":
        """What `to_json` gives; raises `ExportedModelError` if it is not right."""
        return cls(
            pooling_from_json(fields.object("pooling")),
            fields.text("graph"),
            fields.whole("num_scores", least=1),
        )

    def parameters(self) -> JsonObject:
        """What `from_json` makes it from, for a configuration."""
        return {
            "graph": self._graph,
            "num_scores": self.num_scores,
            "pooling": self.pooling.to_json(),
        }


class StartEndWidthScorer(SpanScorer):
    """
    A score for where a span begins, one for where it ends, one for its width, and the scalar
    product of two vectors of its ends. The sequence holds all of these, for the first and then for
    the last position: one number for itself, and then the vector.

    # Parameters

    pair_dim : `int`
        Of these vectors.
    widths : `FloatArray`
        Shape `(max_span_width,)`: per width in words a score.
    """

    type = "start_end_width"

    def __init__(self, pair_dim: int, widths: FloatArray) -> None:
        super().__init__(2 * (1 + pair_dim), num_scores=1)
        self._pair_dim = pair_dim
        self._widths = widths

    def over(self, graphs: Mapping[str, Graph], sequence: FloatArray, widest: int) -> Score:
        """As for the class that this is derived from."""
        # Shape (each): (num_positions, 1 + pair_dim)
        firsts, lasts = np.split(sequence, 2, axis=1)

        def score(starts: Indices, ends: Indices, widths: Indices) -> FloatArray:
            scores = np.empty((len(starts), 1), np.float32)
            for part in parts(len(starts)):
                start, end = firsts[starts[part]], lasts[ends[part]]
                together = np.einsum("sd,sd->s", start[:, 1:], end[:, 1:])
                alone = start[:, 0] + end[:, 0] + self._widths[widths[part] - 1]
                scores[part, 0] = alone + together
            return scores

        return score

    @classmethod
    def from_json(cls, fields: Fields) -> "StartEndWidthScorer":
        """What `to_json` gives; raises `ExportedModelError` if it is not right."""
        return cls(fields.whole("pair_dim"), fields.array("widths", -1))

    def parameters(self) -> JsonObject:
        """What `from_json` makes it from, for a configuration."""
        return {"pair_dim": self._pair_dim, "widths": array_to_json(self._widths)}


_TYPES: Dict[str, "Type[PooledScorer | StartEndWidthScorer]"] = {
    scorer.type: scorer for scorer in (PooledScorer, StartEndWidthScorer)
}


def scorer_from_json(fields: Fields) -> SpanScorer:
    """
    # Raises

    `ExportedModelError` if it is none that is known here.
    """
    return fields.one_of("type", _TYPES).from_json(fields)
