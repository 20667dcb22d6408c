"""ONNX graphs of exported models, and the inputs and output that each must have."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterable, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from sept_runtime.errors import ExportedModelError
from sept_runtime.onnx.sessions import Argument, OpenSession, SessionError

FloatArray = NDArray[np.float32]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Signature:
    """
    The inputs that a graph may take and the output that it must give.

    # Parameters

    inputs : `Dict[str, Tuple[str, int, Optional[int]]]`
        By name: type (numpy's name), number of dimensions, and length of the last dimension (`None`
        for any). A graph may leave inputs out that it does not need.
    output : `str`
        The name of the only output, of floats.
    dim : `int`
        The length of the output's last dimension.
    like : `str`
        The input whose dimensions are the other dimensions of the output.
    """

    inputs: Dict[str, Tuple[str, int, Optional[int]]]
    output: str
    dim: int
    like: str

    @property
    def rank(self) -> int:
        """Return the number of dimensions of the output."""
        return self.inputs[self.like][1] + 1


def encoder_signature(dim: int) -> Signature:
    """Return the signature of a graph that encodes word pieces."""
    pieces = ("int64", 2, None)
    return Signature({"input_ids": pieces, "attention_mask": pieces}, "vectors", dim, "input_ids")


def span_head_signature(dim: int, num_scores: int) -> Signature:
    """
    Return the signature of a graph that scores spans of several sequences.

    `spans` are first and last positions, both inclusive, `widths` are in words, and `rows` are the
    spans to score, as indices into all spans of all sequences.
    """
    inputs = {
        # Shape: (batch_size, sequence_length, dim)
        "vectors": ("float32", 3, dim),
        # Shape: (batch_size,)
        "lengths": ("int64", 1, None),
        # Shape: (batch_size, num_spans, 2)
        "spans": ("int64", 3, 2),
        # Shape: (batch_size, num_spans)
        "widths": ("int64", 2, None),
        # Shape: (num_rows,)
        "rows": ("int64", 1, None),
    }
    return Signature(inputs, "scores", num_scores, "rows")


def pair_head_signature(dim: int, num_scores: int) -> Signature:
    """
    Return the signature of a graph that scores pairs of spans of several sequences.

    `words` are the first and last words of the spans, `pairs` are head and tail as indices into a
    sequence's spans, and `rows` are the pairs to score.
    """
    inputs = {
        "vectors": ("float32", 3, dim),
        "lengths": ("int64", 1, None),
        "spans": ("int64", 3, 2),
        "words": ("int64", 3, 2),
        # Shape: (batch_size, num_pairs, 2)
        "pairs": ("int64", 3, 2),
        "rows": ("int64", 1, None),
    }
    return Signature(inputs, "scores", num_scores, "rows")


class Graph:
    """
    A graph that is ready to run. Threads may share it.

    # Parameters

    path : `Path`
    signature : `Signature`
    open_session : `OpenSession`
        Opens the graph.

    # Raises

    `ExportedModelError` if the graph cannot be loaded, would read a file outside its folder, or has
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
        self._inputs = self._check_inputs()
        self._check_output()

    @property
    def length_step(self) -> int:
        """Return the session's `length_step`."""
        return self._session.length_step

    @property
    def rows_step(self) -> int:
        """Return the session's `rows_step`."""
        return self._session.rows_step

    @property
    def dim(self) -> int:
        """Return the length of the output's last dimension."""
        return self._signature.dim

    def __call__(self, **inputs: NDArray[Any]) -> FloatArray:
        """
        Run the graph on all inputs of its signature.

        # Raises

        `ExportedModelError` if the graph fails or its output has another shape than it must have.
        """
        leading = inputs[self._signature.like].shape
        try:
            output = self._session.run({name: inputs[name] for name in self._inputs})
        except SessionError as error:
            raise ExportedModelError(f"{self._path}: the graph failed: {error}") from None
        expected = (*leading, self._signature.dim)
        if output.shape != expected or output.dtype != np.float32:
            raise self._fault(f"gives the shape {output.shape}, and should give {expected}")
        array: FloatArray = output
        return array

    def _check_inputs(self) -> Sequence[str]:
        wanted = self._signature.inputs
        taken = []
        for found in self._session.inputs:
            name = next((name for name in wanted if name in found.names), None)
            if name is None:
                raise self._fault(
                    f"takes the input {_listed([found])}, and may take only {_quoted(wanted)}"
                )
            element_type, rank, last = wanted[name]
            shape = found.shape
            free = shape[:-1] if last is not None else shape
            if (
                found.type != element_type
                or len(shape) != rank
                or any(length is not None for length in free)
                or (last is not None and shape[-1] not in (None, last))
            ):
                raise self._fault(f"takes {name} as {found}")
            taken.append(name)
        if not taken:
            raise self._fault(f"takes no input, and should take {_quoted(wanted)}")
        return taken

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
            f"{self._path}: {reason}. The graph does not belong to this model; export the model "
            "again"
        )


def _listed(arguments: Sequence[Argument]) -> str:
    return _quoted([min(argument.names, default="something") for argument in arguments])


def _quoted(names: Iterable[str]) -> str:
    return " and ".join(map(repr, names)) or "nothing"
