from typing import Any, Dict

from allennlp.training.moving_average import ExponentialMovingAverage, MovingAverage


@MovingAverage.register("recoverable_exponential")
class RecoverableExponentialAverage(ExponentialMovingAverage):
    """
    AllenNLP's exponential moving average of the parameters, fit for `--recover`.

    AllenNLP's own, taken up from a checkpoint, goes on averaging the parameters that lie in the
    checkpoint, which no longer are the model's. This one takes only the averages from there.

    Registered as a `MovingAverage` with name "recoverable_exponential". Its parameters are those of
    `ExponentialMovingAverage`.
    """

    def state_dict(self) -> Dict[str, Any]:
        """The averages alone, by the names of their parameters."""
        return {"shadows": self._shadows}

    def load_state_dict(self, state_dict: Dict[str, Any]) -> None:
        """Takes the averages over, into the tensors that are there."""
        for name, average in state_dict["shadows"].items():
            self._shadows[name].copy_(average)
