from pathlib import Path
from typing import Any, List, Mapping, Sequence

from numpy.typing import NDArray

from sept_runtime.errors import ExportedModelError
from sept_runtime.onnx.sessions.open_vino import HOW_TO_INSTALL
from sept_runtime.onnx.sessions.session import Argument, Session, SessionError

# Its names of types where they are not numpy's, without `tensor()`.
_TYPES = {"float": "float32", "double": "float64"}


class OnnxRuntimeSession(Session):
    """
    Of ONNX Runtime, which is installed with this package. It computes in float32, as PyTorch did
    when the model was trained, and what a graph has in int8 in that.
    """

    def __init__(self, path: Path, precision: str, threads: int) -> None:
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
        try:
            # By its path, which tells it what lies beside the graph: weights in any other place are
            # refused.
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise SessionError(_reason(error)) from None

    @staticmethod
    def check(precision: str) -> None:
        """As for the class that this is derived from."""
        if precision == "bfloat16":
            raise ExportedModelError(
                f"ONNX Runtime does not compute in {precision} on processors; the engine "
                f"'openvino' does, which comes by the extra 'openvino': {HOW_TO_INSTALL}"
            )

    @property
    def inputs(self) -> List[Argument]:
        """As for the class that this is derived from."""
        return _arguments(self._session.get_inputs())

    @property
    def outputs(self) -> List[Argument]:
        """As for the class that this is derived from."""
        return _arguments(self._session.get_outputs())

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """As for the class that this is derived from."""
        try:
            output: NDArray[Any] = self._session.run(None, inputs)[0]
        except Exception as error:
            raise SessionError(_reason(error)) from None
        return output


def _arguments(found: Sequence[Any]) -> List[Argument]:
    return [
        Argument(
            frozenset([argument.name]),
            _type(argument.type),
            # A length that may be any has a name.
            tuple(length if isinstance(length, int) else None for length in argument.shape),
        )
        for argument in found
    ]


def _type(name: str) -> str:
    element = name.removeprefix("tensor(").removesuffix(")")
    return _TYPES.get(element, element)


def _reason(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
