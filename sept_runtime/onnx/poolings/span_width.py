import numpy as np

from sept_runtime.formats.json_lines import JsonObject
from sept_runtime.onnx.fields import Fields, FloatArray, Indices, array_to_json
from sept_runtime.onnx.poolings.span_pooling import Pool, SpanPooling, register


@register
class SpanWidth(SpanPooling):
    """
    A vector for a span's width in positions.

    # Parameters

    input_dim : `int`
    table : `FloatArray`
        Shape `(num_widths, output_dim)`; wider spans share the last row.
    """

    type = "span_width"

    def __init__(self, input_dim: int, table: FloatArray) -> None:
        super().__init__(input_dim, table.shape[1])
        self._table = table

    def over(self, sequence: FloatArray, widest: int) -> Pool:
        """As for the class that this is derived from."""

        def pool(starts: Indices, ends: Indices, out: FloatArray) -> None:
            np.take(self._table, ends - starts, axis=0, out=out, mode="clip")

        return pool

    @classmethod
    def from_json(cls, fields: Fields) -> "SpanWidth":
        """What `to_json` gives; raises `ExportedModelError` if it is not right."""
        table = fields.array("table", -1, -1)
        if not table.size:
            raise fields.fault("is empty", "table")
        return cls(fields.whole("input_dim", least=1), table)

    def parameters(self) -> JsonObject:
        """What `from_json` makes it from, for a configuration."""
        return {"input_dim": self.input_dim, "table": array_to_json(self._table)}
