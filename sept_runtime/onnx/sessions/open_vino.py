import sys
from pathlib import Path
from threading import Lock
from typing import Any, List, Mapping, Sequence

from numpy.typing import NDArray

from sept_runtime.errors import ExportedModelError
from sept_runtime.onnx.sessions.session import Argument, Session, SessionError

HOW_TO_INSTALL = "pip install 'openvino>=2026.4,<2027'"

# Of what a graph has in floating point.
_HINTS = {"float32": "f32", "bfloat16": "bf16", "int8": "f32"}
_TYPES = {"f32": "float32", "f64": "float64", "i64": "int64", "i32": "int32"}

# What it makes for the shapes of a batch, it keeps for so many operations; for 5,000 unless told,
# which takes hundreds of megabytes where each batch has a shape of its own.
_OPERATIONS_KEPT = 100

_TELEMETRY = "openvino_telemetry"
_IMPORT = Lock()
_ABSENT = object()


class OpenVinoSession(Session):
    """Of OpenVINO, an extra: computes in bfloat16 on processors that can."""

    length_step = 8
    rows_step = 32

    def __init__(self, path: Path, precision: str, threads: int) -> None:
        openvino = import_openvino()
        # It computes one batch after the other.
        self._lock = Lock()
        try:
            # This one alone, and not each that takes what lies there for its own. By its path:
            # weights in any other folder are refused.
            frontend = openvino.frontend.FrontEndManager().load_by_framework("onnx")
            model = frontend.convert(frontend.load(str(path)))
            compiled = openvino.Core().compile_model(model, "CPU", _options(precision, threads))
            self._request = compiled.create_infer_request()
        except Exception as error:
            raise SessionError(_reason(error)) from None
        self._inputs = _arguments(compiled.inputs)
        self._outputs = _arguments(compiled.outputs)

    @staticmethod
    def check(precision: str) -> None:
        """As for the class that this is derived from."""
        openvino = import_openvino()
        capabilities = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        # Where there are no instructions for it, it is emulated, at a thirtieth of the speed.
        if precision == "bfloat16" and "BF16" not in capabilities:
            raise ExportedModelError(
                "this processor has no instructions for bfloat16; take the precision 'float32'"
            )

    @property
    def inputs(self) -> List[Argument]:
        """As for the class that this is derived from."""
        return self._inputs

    @property
    def outputs(self) -> List[Argument]:
        """As for the class that this is derived from."""
        return self._outputs

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """As for the class that this is derived from."""
        with self._lock:
            try:
                output: NDArray[Any] = self._request.infer(inputs, share_inputs=True)[0]
            except Exception as error:
                raise SessionError(_reason(error)) from None
        return output


def import_openvino() -> Any:
    """
    OpenVINO, without what its import does besides: it makes an id of whoever runs it, below the
    home folder, and sends it to its makers. That is a package of its own, and where that cannot be
    imported nothing is made or sent.

    # Raises

    `ExportedModelError` if it is not installed.
    """
    with _IMPORT:
        telemetry = sys.modules.get(_TELEMETRY, _ABSENT)
        # Python's way of saying that there is none.
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]
        try:
            import openvino
            import openvino.frontend
        except ImportError as error:
            raise ExportedModelError(
                f"the engine 'openvino' is not installed ({error}); it comes by the extra "
                f"'openvino': {HOW_TO_INSTALL}"
            ) from None
        finally:
            del sys.modules[_TELEMETRY]
            if telemetry is not _ABSENT:
                sys.modules[_TELEMETRY] = telemetry  # type: ignore[assignment]
    return openvino


def _options(precision: str, threads: int) -> Mapping[str, Any]:
    return {
        # Unless told, it takes bfloat16 wherever the processor has it.
        "INFERENCE_PRECISION_HINT": _HINTS[precision],
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        # Every process would take the same cores.
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
    # Before the reason it says where in its own sources it was found.
    return str(error).strip().split("\n")[-1]
