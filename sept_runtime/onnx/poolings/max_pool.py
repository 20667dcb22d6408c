import numpy as np

from sept_runtime.formats.json_lines import JsonObject
from sept_runtime.onnx.fields import Fields, FloatArray, Indices
from sept_runtime.onnx.poolings.span_pooling import Pool, SpanPooling, register


@register
class MaxPool(SpanPooling):
    """
    The element-wise maximum over a span, as the larger of the maxima over two windows whose width
    is a power of two: one begins where the span begins, one ends where it ends.

    # Parameters

    dim : `int`
    """

    type = "max_pool"

    def __init__(self, dim: int) -> None:
        super().__init__(dim, dim)

    def over(self, sequence: FloatArray, widest: int) -> Pool:
        """As for the class that this is derived from."""
        length = len(sequence)
        num_levels = widest.bit_length()
        # Level k holds at position i the maximum over positions i to i + 2^k - 1; what reaches
        # beyond the end is never looked up.
        table = np.empty((num_levels, length, self.input_dim), np.float32)
        table[0] = sequence
        for level in range(1, num_levels):
            half = 2 ** (level - 1)
            below, here = table[level - 1], table[level]
            np.maximum(below[:-half], below[half:], out=here[:-half])
            here[-half:] = below[-half:]
        rows = table.reshape(-1, self.input_dim)

        def pool(starts: Indices, ends: Indices, out: FloatArray) -> None:
            # Exact for all numbers that a float's mantissa holds.
            levels = np.frexp(ends - starts + 1)[1].astype(np.int64) - 1
            bases = levels * length
            # Nothing is out of bounds, and 'clip' is the mode in which numpy writes in place.
            np.take(rows, bases + starts, axis=0, out=out, mode="clip")
            right = np.take(rows, bases + ends + 1 - (1 << levels), axis=0, mode="clip")
            np.maximum(out, right, out=out)

        return pool

    @classmethod
    def from_json(cls, fields: Fields) -> "MaxPool":
        """What `to_json` gives; raises `ExportedModelError` if it is not right."""
        return cls(fields.whole("dim", least=1))

    def parameters(self) -> JsonObject:
        """What `from_json` makes it from, for a configuration."""
        return {"dim": self.input_dim}
