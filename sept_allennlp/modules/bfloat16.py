"""
Encoders in bfloat16: sixteen bits with the exponent of a float32 and eight bits of its mantissa,
for which newer processors and GPUs have instructions. The weights stay what they are; linear layers
and attention multiply roundings of them.
"""

import platform
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Iterator

import torch
from allennlp.common.checks import ConfigurationError

# Of this thread alone: two that share a model may each want something else.
_asked_for = ContextVar("_asked_for", default=False)


class Bfloat16Encoder(torch.nn.Module):
    """
    What a module extends whose encoder computes in bfloat16 inside `bfloat16_encoders`. What it
    calls inside `precision`, and nothing else of a model, does.
    """

    @contextmanager
    def precision(self, device: torch.device) -> Iterator[None]:
        """In here, linear layers and attention are computed in bfloat16 if that is asked for."""
        if not _asked_for.get():
            yield
            return
        with torch.autocast(device.type, dtype=torch.bfloat16):
            yield


@contextmanager
def bfloat16_encoders() -> Iterator[None]:
    """In here, in this thread, the encoders of models compute in bfloat16."""
    token = _asked_for.set(True)
    try:
        yield
    finally:
        _asked_for.reset(token)


def check_bfloat16(model: torch.nn.Module, device: torch.device) -> None:
    """
    # Raises

    `ConfigurationError` where there is no use in bfloat16: the model has no encoder, or the device
    has no instructions for it.
    """
    if not any(isinstance(module, Bfloat16Encoder) for module in model.modules()):
        raise ConfigurationError(
            "bfloat16 is for models with a pre-trained encoder over word pieces, and this model "
            "has none: leave it out"
        )
    if not has_bfloat16(device):
        kind = "GPU" if device.type == "cuda" else "processor"
        raise ConfigurationError(
            f"this {kind} has no instructions for bfloat16: leave it out, for float32"
        )


def has_bfloat16(device: torch.device) -> bool:
    """Whether a CPU or GPU computes in bfloat16, and does not only imitate it."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if not torch.backends.mkldnn.is_available():
        return False
    if platform.machine() in ("x86_64", "AMD64"):
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    # On ARM this looks at the processor; on x86-64 it is content with AVX512 alone.
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
