from abc import ABC, abstractmethod
from typing import Callable, ClassVar, Dict, Type, TypeVar

from sept_runtime.formats.json_lines import JsonObject
from sept_runtime.onnx.fields import Fields, FloatArray, Indices

# Fills the vectors of some spans: takes their first and last positions, both inclusive, each of
# shape (num_spans,), and an array of shape (num_spans, output_dim).
Pool = Callable[[Indices, Indices, FloatArray], None]

_TYPES: Dict[str, Type["SpanPooling"]] = {}

T = TypeVar("T", bound=Type["SpanPooling"])


class SpanPooling(ABC):
    """
    How an exported model makes vectors of spans: what a span extractor does, in numpy. A span
    extractor says by which of these it is exported, and this what it is made from.

    A subclass has the name `type` in configurations.

    # Parameters

    input_dim : `int`
        The width of the sequence.
    output_dim : `int`
        The width of a span's vector.
    """

    type: ClassVar[str]

    def __init__(self, input_dim: int, output_dim: int) -> None:
        self.input_dim = input_dim
        self.output_dim = output_dim

    @abstractmethod
    def over(self, sequence: FloatArray, widest: int) -> Pool:
        """
        # Parameters

        sequence : `FloatArray`
            Shape `(num_positions, input_dim)`: documents one after the other.
        widest : `int`
            In positions: no span is wider.

        # Returns

        What pools the spans of this sequence.
        """

    @classmethod
    @abstractmethod
    def from_json(cls, fields: Fields) -> "SpanPooling":
        """
        # Raises

        `ExportedModelError` if it is not what `parameters` gives.
        """

    @abstractmethod
    def parameters(self) -> JsonObject:
        """What `from_json` makes it from, for a configuration."""

    def to_json(self) -> JsonObject:
        """As it stands in a configuration."""
        return {"type": self.type, **self.parameters()}


def register(pooling: T) -> T:
    """Makes a pooling known by its `type`."""
    _TYPES[pooling.type] = pooling
    return pooling


def pooling_from_json(fields: Fields) -> SpanPooling:
    """
    # Raises

    `ExportedModelError` for a type that is not known here, too.
    """
    return fields.one_of("type", _TYPES).from_json(fields)
