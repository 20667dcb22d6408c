"""Which tests OpenVINO runs, without importing it as anybody else does: that sends something."""

import importlib.util
import platform
from pathlib import Path

import pytest

_INSTALLED = importlib.util.find_spec("openvino") is not None
_CPU = Path("/proc/cpuinfo")

needs_openvino = pytest.mark.skipif(not _INSTALLED, reason="OpenVINO is not installed")


def _has_bfloat16() -> bool:
    # Of the processor, and not of OpenVINO, which is tested.
    flags = _CPU.read_text() if _CPU.exists() else ""
    return platform.machine() == "x86_64" and ("avx512_bf16" in flags or "amx_bf16" in flags)


needs_bfloat16 = pytest.mark.skipif(
    not (_INSTALLED and _has_bfloat16()),
    reason="OpenVINO is not installed, or this processor has no instructions for bfloat16",
)

# For tests of any engine.
ENGINES = ["onnxruntime", pytest.param("openvino", marks=needs_openvino)]
