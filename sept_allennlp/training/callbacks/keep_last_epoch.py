from typing import Any, Dict

from allennlp.training.callbacks import TrainerCallback
from allennlp.training.metric_tracker import MetricTracker


@TrainerCallback.register("keep_last_epoch")
class KeepLastEpoch(TrainerCallback):
    """
    Makes a training end with the weights of its last epoch (averaged, where there is a
    `moving_average`) in place of those of the epoch with the best score: nothing is chosen by the
    validation data, and so the score of the archive is one on unseen documents. Each epoch is
    scored as always, and each counts as the best: `best_epoch` and `best_validation_f1` are the
    last epoch's. `patience` never ends such a training.

    Registered as a `TrainerCallback` with name "keep_last_epoch".
    """

    def on_start(self, trainer: Any, is_primary: bool = True, **kwargs: Any) -> None:
        """Puts another tracker of the best epoch in the place of the trainer's."""
        super().on_start(trainer, is_primary, **kwargs)
        tracker = _LastIsBest([])
        # With all that a training that is recovered from a checkpoint has tracked so far.
        vars(tracker).update(vars(trainer._metric_tracker))
        trainer._metric_tracker = tracker


class _LastIsBest(MetricTracker):
    def add_metrics(self, metrics: Dict[str, float]) -> None:
        # Nothing to be better than.
        self._best_so_far = None
        super().add_metrics(metrics)
