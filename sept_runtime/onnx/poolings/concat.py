from typing import Sequence

from sept_runtime.formats.json_lines import JsonObject
from sept_runtime.onnx.fields import Fields, FloatArray, Indices
from sept_runtime.onnx.poolings.span_pooling import (
    Pool,
    SpanPooling,
    pooling_from_json,
    register,
)


@register
class Concat(SpanPooling):
    """
    Several poolings' vectors, one after the other.

    # Parameters

    parts : `Sequence[SpanPooling]`
        At least one.
    """

    type = "concat"

    def __init__(self, parts: Sequence[SpanPooling]) -> None:
        super().__init__(parts[0].input_dim, sum(part.output_dim for part in parts))
        self._parts = parts

    def over(self, sequence: FloatArray, widest: int) -> Pool:
        """As for the class that this is derived from."""
        pools = [(part.output_dim, part.over(sequence, widest)) for part in self._parts]

        def pool(starts: Indices, ends: Indices, out: FloatArray) -> None:
            first = 0
            for dim, part in pools:
                part(starts, ends, out[:, first : first + dim])
                first += dim

        return pool

    @classmethod
    def from_json(cls, fields: Fields) -> "Concat":
        """What `to_json` gives; raises `ExportedModelError` if it is not right."""
        parts = list(map(pooling_from_json, fields.objects("parts")))
        if len({part.input_dim for part in parts}) != 1:
            raise fields.fault("must be of one width", "parts")
        return cls(parts)

    def parameters(self) -> JsonObject:
        """What `from_json` makes it from, for a configuration."""
        return {"parts": [part.to_json() for part in self._parts]}
