import numpy as np

from sept_runtime.formats.json_lines import JsonObject
from sept_runtime.onnx.fields import Fields, FloatArray, Indices, array_to_json
from sept_runtime.onnx.poolings.span_pooling import Pool, SpanPooling, register


@register
class SelfAttentiveSum(SpanPooling):
    """
    The mean over a span, weighted by a softmax over one score a position.

    # Parameters

    weights : `FloatArray`
        Shape `(dim,)`: what a position's score is made by.
    bias : `float`
    """

    type = "self_attentive_sum"

    def __init__(self, weights: FloatArray, bias: float) -> None:
        super().__init__(len(weights), len(weights))
        self._weights = weights
        self._bias = bias

    def over(self, sequence: FloatArray, widest: int) -> Pool:
        """As for the class that this is derived from."""
        # Shape: (num_positions,)
        scores = sequence @ self._weights + np.float32(self._bias)
        steps = np.arange(widest)

        def pool(starts: Indices, ends: Indices, out: FloatArray) -> None:
            # Shape (each): (num_spans, widest)
            positions = starts[:, None] + steps
            inside = positions <= ends[:, None]
            np.minimum(positions, ends[:, None], out=positions)
            weights = np.where(inside, scores[positions], -np.inf)
            weights = np.exp(weights - weights.max(axis=1, keepdims=True))
            weights /= weights.sum(axis=1, keepdims=True)

            out[:] = weights[:, :1] * sequence[starts]
            for step in range(1, widest):
                # Fewer and fewer spans are as wide as that.
                rows = inside[:, step].nonzero()[0]
                out[rows] += weights[rows, step, None] * sequence[positions[rows, step]]

        return pool

    @classmethod
    def from_json(cls, fields: Fields) -> "SelfAttentiveSum":
        """What `to_json` gives; raises `ExportedModelError` if it is not right."""
        return cls(fields.array("weights", -1), fields.number("bias"))

    def parameters(self) -> JsonObject:
        """What `from_json` makes it from, for a configuration."""
        return {"weights": array_to_json(self._weights), "bias": self._bias}
