from typing import Any, Dict

import torch
from typing_extensions import override

from sept_runtime.calibration import THRESHOLD_STEPS, Calibration


class ScoreCalibration(torch.nn.Module):
    """
    The `Calibration` of a model's scores, kept with its weights.

    It is the identity until `set` is called, which the trainer callback `calibrate_scores` does,
    and in a model whose weights have none.
    """

    # temperature and bias
    _scale: torch.Tensor
    # right and predicted by threshold, and gold
    _counts: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        # Shape: (2,)
        self.register_buffer("_scale", torch.tensor([1.0, 0.0], dtype=torch.double))
        # Shape: (3, THRESHOLD_STEPS + 1). Floats, because AllenNLP's 'diff' compares no integers.
        counts = torch.zeros(3, THRESHOLD_STEPS + 1, dtype=torch.double)
        self.register_buffer("_counts", counts)

    def get(self) -> Calibration:
        """Return the calibration."""
        temperature, bias = self._scale.tolist()
        right, predicted, gold = self._counts.long().tolist()
        return Calibration(temperature, bias, right, predicted, gold[0])

    def set(self, calibration: Calibration) -> None:
        """Keep a calibration."""
        self._scale.copy_(torch.tensor([calibration.temperature, calibration.bias]))
        self._counts.zero_()
        if calibration.gold:
            rows = [calibration.right, calibration.predicted]
            self._counts[:2] = torch.tensor(rows)
            self._counts[2] = calibration.gold

    @override
    def _load_from_state_dict(self, state_dict: Dict[str, Any], prefix: str, *args: Any) -> None:
        # Weights of a model without calibration are complete, too.
        for name, buffer in self.named_buffers():
            state_dict.setdefault(prefix + name, buffer)
        super()._load_from_state_dict(state_dict, prefix, *args)
