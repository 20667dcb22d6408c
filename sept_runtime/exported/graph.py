"""ONNX graphs, and what is to be true of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from sept_runtime.errors import ExportedModelError
from sept_runtime.exported.fields import FloatArray


@dataclass(frozen=True)
class Signature:
    """
    # Parameters

    inputs : `Dict[str, Tuple[str, int, Optional[int]]]`
        By name: type, number of dimensions, and length of the last one (`None` for any).
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
    pieces = ("tensor(int64)", 2, None)
    return Signature({"input_ids": pieces, "attention_mask": pieces}, "vectors", 3, dim)


def head_signature(input_dim: int, num_scores: int) -> Signature:
    """Of a graph of spans' vectors to scores."""
    return Signature({"pooled": ("tensor(float)", 2, input_dim)}, "scores", 2, num_scores)


class Graph:
    """
    A graph, ready to run. Threads may share it.

    # Parameters

    path : `Path`
    signature : `Signature`
    threads : `int`
        How many of the processor's cores a run uses.

    # Raises

    `ExportedModelError` if it cannot be loaded, would read a file that lies elsewhere, or has
    another signature.
    """

    def __init__(self, path: Path, signature: Signature, threads: int) -> None:
        # Only now, because it takes longer than all else that is imported here.
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # What it has taken for the shapes of one batch, its arena never gives back, and it keeps a
        # plan for each shape. Without, memory stays flat whatever lengths documents have, and it
        # is as fast.
        options.enable_cpu_mem_arena = False
        options.enable_mem_pattern = False
        # Threads that have nothing to do leave the cores to what is not in a graph.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        # What is wrong comes as an exception.
        options.log_severity_level = 4
        self._path = path
        self._signature = signature
        try:
            # By its path, which tells it what lies beside the graph: weights in any other place are
            # refused.
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            reason = str(error).strip().split("\n")[0]
            raise ExportedModelError(
                f"{path}: cannot be loaded ({reason}); export the model again"
            ) from None
        self._check_inputs()
        self._check_output()

    def __call__(self, **inputs: NDArray[Any]) -> FloatArray:
        """
        # Raises

        `ExportedModelError` if the graph fails, or yields something else than it promised.
        """
        try:
            (output,) = self._session.run([self._signature.output], inputs)
        except Exception as error:
            reason = str(error).strip().split("\n")[0]
            raise ExportedModelError(
                f"{self._path}: failed ({reason}); does it belong to the other files?"
            ) from None
        leading = next(iter(inputs.values())).shape[: self._signature.rank - 1]
        expected = (*leading, self._signature.dim)
        if output.shape != expected or output.dtype != np.float32:
            raise self._fault(f"yields {output.shape} where {expected} was expected")
        array: FloatArray = output
        return array

    def _check_inputs(self) -> None:
        found = {
            argument.name: (argument.type, argument.shape)
            for argument in self._session.get_inputs()
        }
        wanted = self._signature.inputs
        if found.keys() != wanted.keys():
            raise self._fault(f"takes {_listed(found)}, and should take {_listed(wanted)}")
        for name, (element_type, rank, last) in wanted.items():
            found_type, shape = found[name]
            free = shape[:-1] if last is not None else shape
            if (
                found_type != element_type
                or len(shape) != rank
                or any(isinstance(length, int) for length in free)
                or (last is not None and isinstance(shape[-1], int) and shape[-1] != last)
            ):
                raise self._fault(f"takes {name} as {found_type} {shape}")

    def _check_output(self) -> None:
        outputs = self._session.get_outputs()
        signature = self._signature
        if [output.name for output in outputs] != [signature.output]:
            names = _listed({output.name: None for output in outputs})
            raise self._fault(f"gives {names}, and should give {signature.output!r}")
        (output,) = outputs
        if (
            output.type != "tensor(float)"
            or len(output.shape) != signature.rank
            or (isinstance(output.shape[-1], int) and output.shape[-1] != signature.dim)
        ):
            raise self._fault(
                f"gives {output.type} {output.shape}, whose width should be {signature.dim}"
            )

    def _fault(self, reason: str) -> ExportedModelError:
        return ExportedModelError(
            f"{self._path}: {reason}: this is no graph of the model that the configuration "
            "describes; export the model again"
        )


def _listed(names: Dict[str, Any] | Sequence[str]) -> str:
    return " and ".join(map(repr, names)) or "nothing"
