from typing import Any, Dict, Optional

import torch
from allennlp.training.moving_average import ExponentialMovingAverage, MovingAverage


@MovingAverage.register("recoverable_exponential")
class RecoverableExponentialAverage(ExponentialMovingAverage):
    """
    AllenNLP's exponential moving average of the parameters, fit for `--recover`, and in one pass
    over a parameter and its average where AllenNLP makes three and a copy of each parameter: beside
    a small encoder that is a tenth of a training step on a CPU (docs/speed.md).

    AllenNLP's own, taken up from a checkpoint, goes on averaging the parameters that lie in the
    checkpoint, which no longer are the model's. This one takes only the averages from there.

    Registered as a `MovingAverage` with name "recoverable_exponential". Its parameters are those of
    `ExponentialMovingAverage`.
    """

    def apply(self, num_updates: Optional[int] = None) -> None:
        """As for `ExponentialMovingAverage`."""
        decay = self._decay
        if num_updates is not None:
            decay = min(decay, (self._numerator + num_updates) / (self._denominator + num_updates))
        averages = [self._shadows[name] for name, _ in self._parameters]
        parameters = [parameter.detach() for _, parameter in self._parameters]
        torch._foreach_lerp_(averages, parameters, 1.0 - decay)

    def state_dict(self) -> Dict[str, Any]:
        """The averages alone, by the names of their parameters."""
        return {"shadows": self._shadows}

    def load_state_dict(self, state_dict: Dict[str, Any]) -> None:
        """Takes the averages over, into the tensors that are there."""
        for name, average in state_dict["shadows"].items():
            self._shadows[name].copy_(average)
