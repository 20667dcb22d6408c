from typing import Any, Dict

from allennlp.training.callbacks import TrainerCallback
from allennlp.training.metric_tracker import MetricTracker
from typing_extensions import override


@TrainerCallback.register("keep_last_epoch")
class KeepLastEpoch(TrainerCallback):
    """
    Callback that keeps the weights of the last epoch instead of those of the best one.

    With a `moving_average`, these are the averages. The validation data selects nothing, so the
    archive's score is one on unseen documents. Each epoch is scored as usual and counts as the
    best: `best_epoch` and `best_validation_f1` are the last epoch's. `patience` has no effect.

    Registered as a `TrainerCallback` with name "keep_last_epoch".
    """

    @override
    def on_start(self, trainer: Any, is_primary: bool = True, **kwargs: Any) -> None:
        super().on_start(trainer, is_primary, **kwargs)
        tracker = _LastIsBest([])
        # With everything that a recovered training has tracked so far.
        vars(tracker).update(vars(trainer._metric_tracker))
        trainer._metric_tracker = tracker


class _LastIsBest(MetricTracker):
    @override
    def add_metrics(self, metrics: Dict[str, float]) -> None:
        # Any score is better than none.
        self._best_so_far = None
        super().add_metrics(metrics)
