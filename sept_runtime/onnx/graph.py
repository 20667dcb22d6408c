"""ONNX graphs, and what is to be true of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterable, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from sept_runtime.errors import ExportedModelError
from sept_runtime.onnx.fields import FloatArray
from sept_runtime.onnx.sessions import Argument, OpenSession, SessionError


@dataclass(frozen=True)
class Signature:
    """
    # Parameters

    inputs : `Dict[str, Tuple[str, int, Optional[int]]]`
        By name: type, as numpy calls it, number of dimensions, and length of the last one (`None`
        for any).
    output : `str`
        The name of its one output, of floats.
    rank, dim : `int`
        The output's number of dimensions, and the length of its last one.
    """

    inputs: Dict[str, Tuple[str, int, Optional[int]]]
    output: str
    rank: int
    dim: int


def encoder_signature(dim: int) -> Signature:
    """Of a graph of word pieces to vectors."""
    pieces = ("int64", 2, None)
    return Signature({"input_ids": pieces, "attention_mask": pieces}, "vectors", 3, dim)


def head_signature(input_dim: int, num_scores: int) -> Signature:
    """Of a graph of spans' vectors to scores."""
    return Signature({"pooled": ("float32", 2, input_dim)}, "scores", 2, num_scores)


class Graph:
    """
    A graph, ready to run. Threads may share it.

    # Parameters

    path : `Path`
    signature : `Signature`
    open_session : `OpenSession`
        What opens it.

    # Raises

    `ExportedModelError` if it cannot be loaded, would read a file that lies elsewhere, or has
    another signature.
    """

    def __init__(self, path: Path, signature: Signature, open_session: OpenSession) -> None:
        self._path = path
        self._signature = signature
        try:
            self._session = open_session(path)
        except SessionError as error:
            raise ExportedModelError(
                f"{path}: cannot be loaded ({error}); export the model again"
            ) from None
        self._check_inputs()
        self._check_output()

    @property
    def length_step(self) -> int:
        """As for `Session`."""
        return self._session.length_step

    @property
    def rows_step(self) -> int:
        """As for `Session`."""
        return self._session.rows_step

    def __call__(self, **inputs: NDArray[Any]) -> FloatArray:
        """
        # Raises

        `ExportedModelError` if the graph fails, or yields something else than it promised.
        """
        try:
            output = self._session.run(inputs)
        except SessionError as error:
            raise ExportedModelError(
                f"{self._path}: failed ({error}); does it belong to the other files?"
            ) from None
        leading = next(iter(inputs.values())).shape[: self._signature.rank - 1]
        expected = (*leading, self._signature.dim)
        if output.shape != expected or output.dtype != np.float32:
            raise self._fault(f"yields {output.shape} where {expected} was expected")
        array: FloatArray = output
        return array

    def _check_inputs(self) -> None:
        inputs, wanted = self._session.inputs, self._signature.inputs
        found = {name: each for name in wanted for each in inputs if name in each.names}
        if len(inputs) != len(wanted) or found.keys() != wanted.keys():
            raise self._fault(f"takes {_listed(inputs)}, and should take {_quoted(wanted)}")
        for name, (element_type, rank, last) in wanted.items():
            shape = found[name].shape
            free = shape[:-1] if last is not None else shape
            if (
                found[name].type != element_type
                or len(shape) != rank
                or any(length is not None for length in free)
                or (last is not None and shape[-1] not in (None, last))
            ):
                raise self._fault(f"takes {name} as {found[name]}")

    def _check_output(self) -> None:
        outputs, signature = self._session.outputs, self._signature
        if len(outputs) != 1 or signature.output not in outputs[0].names:
            raise self._fault(f"gives {_listed(outputs)}, and should give {signature.output!r}")
        (output,) = outputs
        if (
            output.type != "float32"
            or len(output.shape) != signature.rank
            or output.shape[-1] not in (None, signature.dim)
        ):
            raise self._fault(f"gives {output}, whose width should be {signature.dim}")

    def _fault(self, reason: str) -> ExportedModelError:
        return ExportedModelError(
            f"{self._path}: {reason}: this is no graph of the model that the configuration "
            "describes; export the model again"
        )


def _listed(arguments: Sequence[Argument]) -> str:
    return _quoted([min(argument.names, default="something") for argument in arguments])


def _quoted(names: Iterable[str]) -> str:
    return " and ".join(map(repr, names)) or "nothing"
