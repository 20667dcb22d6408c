import sys
from pathlib import Path
from threading import Lock
from typing import Any, List, Mapping, Sequence

from numpy.typing import NDArray
from typing_extensions import override

from sept_runtime.errors import ExportedModelError, needs_extra
from sept_runtime.onnx.sessions.session import Argument, Session, SessionError

# The precision of the floating-point operations of a graph.
_HINTS = {"float32": "f32", "bfloat16": "bf16", "int8": "f32"}
_TYPES = {"f32": "float32", "f64": "float64", "i64": "int64", "i32": "int32"}

# The number of operations that it caches for the shapes of batches. Its default of 5,000 takes
# hundreds of megabytes if each batch has a new shape.
_OPERATIONS_KEPT = 100

_TELEMETRY = "openvino_telemetry"
_IMPORT = Lock()
_ABSENT = object()


class OpenVinoSession(Session):
    """A session of OpenVINO, an extra. It computes in bfloat16 on processors that can."""

    length_step = 8
    rows_step = 32

    def __init__(self, path: Path, precision: str, threads: int) -> None:
        openvino = import_openvino()
        # A request computes one batch after the other.
        self._lock = Lock()
        try:
            # Only the front end for ONNX, and not any that accepts the file. Opened by its path, so
            # that weights outside its folder are refused.
            frontend = openvino.frontend.FrontEndManager().load_by_framework("onnx")
            model = frontend.convert(frontend.load(str(path)))
            compiled = openvino.Core().compile_model(model, "CPU", _options(precision, threads))
            self._request = compiled.create_infer_request()
        except Exception as error:
            raise SessionError(_reason(error)) from None
        self._inputs = _arguments(compiled.inputs)
        self._outputs = _arguments(compiled.outputs)

    @staticmethod
    @override
    def check(precision: str) -> None:
        openvino = import_openvino()
        capabilities = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        # Without instructions for it, bfloat16 is emulated at a thirtieth of the speed.
        if precision == "bfloat16" and "BF16" not in capabilities:
            raise ExportedModelError(
                "this processor has no instructions for bfloat16; use the precision 'float32'"
            )

    @property
    @override
    def inputs(self) -> List[Argument]:
        return self._inputs

    @property
    @override
    def outputs(self) -> List[Argument]:
        return self._outputs

    @override
    def run(self, inputs: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        with self._lock:
            try:
                output: NDArray[Any] = self._request.infer(inputs, share_inputs=True)[0]
            except Exception as error:
                raise SessionError(_reason(error)) from None
        return output


def import_openvino() -> Any:
    """
    Import OpenVINO without its telemetry.

    Telemetry would create a user id in the home folder and send it to the vendor. It is a separate
    package; if it cannot be imported, nothing is sent.

    # Raises

    `ExportedModelError` if it is not installed.
    """
    with _IMPORT:
        telemetry = sys.modules.get(_TELEMETRY, _ABSENT)
        # None makes the import of a module fail.
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]
        try:
            import openvino
            import openvino.frontend
        except ImportError as error:
            message = needs_extra("the engine 'openvino'", "openvino")
            raise ExportedModelError(f"{message} ({error})") from None
        finally:
            del sys.modules[_TELEMETRY]
            if telemetry is not _ABSENT:
                sys.modules[_TELEMETRY] = telemetry  # type: ignore[assignment]
    return openvino


def _options(precision: str, threads: int) -> Mapping[str, Any]:
    return {
        # The default is bfloat16 wherever the processor has it.
        "INFERENCE_PRECISION_HINT": _HINTS[precision],
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        # Otherwise all processes use the same cores.
        "ENABLE_CPU_PINNING": False,
        "CPU_RUNTIME_CACHE_CAPACITY": _OPERATIONS_KEPT,
    }


def _arguments(found: Sequence[Any]) -> List[Argument]:
    arguments = []
    for argument in found:
        element = argument.element_type.get_type_name()
        rank = argument.partial_shape.rank
        shape = argument.partial_shape if rank.is_static else []
        arguments.append(
            Argument(
                frozenset(argument.names),
                _TYPES.get(element, element),
                tuple(length.get_length() if length.is_static else None for length in shape),
            )
        )
    return arguments


def _reason(error: Exception) -> str:
    # The lines before the reason name its own source files.
    return str(error).strip().split("\n")[-1]
