"""
Linear layers that are faster on AMD's processors.

PyTorch multiplies float32 matrices on the CPU with MKL, which leaves half of such a processor's
speed unused. oneDNN, which PyTorch brings along for convolutions, does not; `docs/results.md` says
what predictions gain by it. On Intel's own processors nothing was measured, and MKL is left to do
it.
"""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import Linear, Module
from torch.nn.functional import pad

_PROCESSOR = Path("/proc/cpuinfo")

# Rows are padded to a multiple of this. oneDNN makes and keeps code for each number of rows, and
# documents would have hundreds of them: memory grows, and its heap is fragmented.
_ROWS = 64


class OneDNNLinear(Linear):
    """
    torch's layer, which multiplies with oneDNN where it can: without gradients, of float32, on the
    CPU. The results differ from MKL's by rounding.
    """

    def forward(self, input: Tensor) -> Tensor:
        """
        # Parameters

        input : `torch.Tensor`
            Shape `(..., in_features)`.

        # Returns

        `torch.Tensor` of shape `(..., out_features)`.
        """
        multiplied = (
            not torch.is_grad_enabled()
            and not torch.is_autocast_enabled("cpu")
            and all(
                tensor.device.type == "cpu" and tensor.dtype == torch.float32
                for tensor in (input, self.weight)
            )
            and input.dim() > 1
            and input.numel() > 0
        )
        if not multiplied:
            return super().forward(input)
        rows = input.flatten(end_dim=-2)
        padded = pad(rows, (0, 0, 0, -len(rows) % _ROWS))
        output = torch.ops.mkldnn._linear_pointwise(padded, self.weight, self.bias, "none", [], "")
        return output[: len(rows)].view(*input.shape[:-1], self.out_features)


def use_onednn(model: Module) -> None:
    """
    Makes the linear layers of a model `OneDNNLinear`, where that is of use. Weights, their names
    and hooks stay as they are, and training goes on as before.
    """
    if not onednn_is_faster():
        return
    for module in model.modules():
        # Not those derived from it, whose forward() may be another.
        if type(module) is Linear:
            # As torch's own parametrizations do it: whoever holds the layer sees the change.
            module.__class__ = OneDNNLinear


def onednn_is_faster() -> bool:
    """Whether this is a processor of AMD's, and PyTorch has oneDNN's layers (Linux)."""
    return (
        torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and _PROCESSOR.exists()
        and "AuthenticAMD" in _PROCESSOR.read_text()
    )
