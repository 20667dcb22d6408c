"""
Encoders in bfloat16: sixteen bits, with the exponent of a float32 and eight bits of its mantissa.

Newer CPUs and GPUs have instructions for it. The weights stay float32; linear layers and attention
multiply rounded copies of them.
"""

import platform
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Iterator

import torch
from allennlp.common.checks import ConfigurationError

# For each thread: two threads that share a model may want different precisions.
_asked_for = ContextVar("_asked_for", default=False)


class Bfloat16Encoder(torch.nn.Module):
    """
    Base class for modules whose encoder computes in bfloat16 inside `bfloat16_encoders`.

    Only what a subclass calls inside `precision` does.
    """

    @contextmanager
    def precision(self, device: torch.device) -> Iterator[None]:
        """Compute linear layers and attention in bfloat16 inside `bfloat16_encoders`."""
        if not _asked_for.get():
            yield
            return
        with torch.autocast(device.type, dtype=torch.bfloat16):
            yield


@contextmanager
def bfloat16_encoders() -> Iterator[None]:
    """Have the encoders of models compute in bfloat16, in this thread."""
    token = _asked_for.set(True)
    try:
        yield
    finally:
        _asked_for.reset(token)


def check_bfloat16(model: torch.nn.Module, device: torch.device) -> None:
    """
    Check that bfloat16 is of use.

    # Raises

    `ConfigurationError` if the model has no encoder, or the device has no instructions for it.
    """
    if not any(isinstance(module, Bfloat16Encoder) for module in model.modules()):
        raise ConfigurationError(
            "bfloat16 needs a model with a pre-trained encoder over word pieces, and this model "
            "has none: leave it out"
        )
    if not has_bfloat16(device):
        kind = "GPU" if device.type == "cuda" else "processor"
        raise ConfigurationError(
            f"this {kind} has no instructions for bfloat16: leave it out to compute in float32"
        )


def has_bfloat16(device: torch.device) -> bool:
    """Return whether a CPU or GPU has instructions for bfloat16, and does not emulate it."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if not torch.backends.mkldnn.is_available():
        return False
    if platform.machine() in ("x86_64", "AMD64"):
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    # On ARM this asks the processor; on x86-64 it would accept AVX512 alone.
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
