from typing import Callable, Dict

import numpy as np

from sept_runtime.formats.json_lines import JsonObject
from sept_runtime.onnx.fields import Fields, FloatArray, Indices
from sept_runtime.onnx.poolings.span_pooling import Pool, SpanPooling, register

_OPERATIONS: Dict[str, Callable[[FloatArray, FloatArray], FloatArray]] = {
    "*": np.multiply,
    "/": np.divide,
    "+": np.add,
    "-": np.subtract,
}


@register
class Endpoint(SpanPooling):
    """
    What the vectors of a span's first and last position make together.

    # Parameters

    dim : `int`
    combination : `str`
        As AllenNLP writes it: `x` for the first, `y` for the last, `x*y` and so on, with commas
        between what is put one after the other.

    # Raises

    `ValueError` for another combination.
    """

    type = "endpoint"

    def __init__(self, dim: int, combination: str) -> None:
        self._combination = combination
        self._parts = [part.strip() for part in combination.split(",")]
        super().__init__(dim, dim * len(self._parts))
        for part in self._parts:
            single = part in ("x", "y")
            if not single and not (
                len(part) == 3 and part[0] in "xy" and part[1] in _OPERATIONS and part[2] in "xy"
            ):
                raise ValueError(f"{combination!r} is no combination of x and y")

    def over(self, sequence: FloatArray, widest: int) -> Pool:
        """As for the class that this is derived from."""

        def pool(starts: Indices, ends: Indices, out: FloatArray) -> None:
            at = {"x": sequence[starts], "y": sequence[ends]}
            for index, part in enumerate(self._parts):
                columns = out[:, index * self.input_dim : (index + 1) * self.input_dim]
                if part in at:
                    columns[:] = at[part]
                else:
                    columns[:] = _OPERATIONS[part[1]](at[part[0]], at[part[2]])

        return pool

    @classmethod
    def from_json(cls, fields: Fields) -> "Endpoint":
        """What `to_json` gives; raises `ExportedModelError` if it is not right."""
        try:
            return cls(fields.whole("dim", least=1), fields.text("combination"))
        except ValueError as error:
            raise fields.fault(f"is wrong: {error}", "combination") from None

    def parameters(self) -> JsonObject:
        """What `from_json` makes it from, for a configuration."""
        return {"dim": self.input_dim, "combination": self._combination}
