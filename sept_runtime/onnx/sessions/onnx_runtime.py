from pathlib import Path
from typing import Any, List, Mapping, Sequence

from numpy.typing import NDArray
from typing_extensions import override

from sept_runtime.errors import ExportedModelError, needs_extra
from sept_runtime.onnx.sessions.session import Argument, Session, SessionError

# Its names of types where they are not numpy's, without `tensor()`.
_TYPES = {"float": "float32", "double": "float64"}


class OnnxRuntimeSession(Session):
    """
    A session of ONNX Runtime, which is installed with this package.

    It computes in float32, and the int8 layers of a graph in int8.
    """

    def __init__(self, path: Path, precision: str, threads: int) -> None:
        # Imported here because the import takes longer than all others.
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # The arena never returns the memory of a batch, and memory patterns keep a plan for each
        # shape. Without them, memory does not grow with the variety of lengths, at the same speed.
        options.enable_cpu_mem_arena = False
        options.enable_mem_pattern = False
        # Idle threads leave the cores to the work outside the graphs.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        # Errors are raised as exceptions.
        options.log_severity_level = 4
        try:
            # Opened by its path, so that weights outside its folder are refused.
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise SessionError(_reason(error)) from None

    @staticmethod
    @override
    def check(precision: str) -> None:
        if precision == "bfloat16":
            raise ExportedModelError(
                f"ONNX Runtime does not compute in {precision} on CPUs; use the engine 'openvino'. "
                + needs_extra("It", "openvino")
            )

    @property
    @override
    def inputs(self) -> List[Argument]:
        return _arguments(self._session.get_inputs())

    @property
    @override
    def outputs(self) -> List[Argument]:
        return _arguments(self._session.get_outputs())

    @override
    def run(self, inputs: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
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
            # Dimensions of any length have a name.
            tuple(length if isinstance(length, int) else None for length in argument.shape),
        )
        for argument in found
    ]


def _type(name: str) -> str:
    element = name.removeprefix("tensor(").removesuffix(")")
    return _TYPES.get(element, element)


def _reason(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
