import logging
import math
from pathlib import Path
from typing import Any, Dict, Optional

from allennlp.common.checks import ConfigurationError
from allennlp.training.callbacks import TrainerCallback

from sept_allennlp.models.span_filter import SpanFilterModel
from sept_allennlp.training.metrics.filter_curve import write_curve

logger = logging.getLogger(__name__)


@TrainerCallback.register("calibrate_threshold")
class CalibrateThreshold(TrainerCallback):
    """
    Finds the thresholds of a span filter, when its training ends.

    It computes on the validation data which threshold gives which recall, and keeps that with the
    best weights, from where it gets into the archive. The whole curve is written as
    `filter_curve.csv` into the run's folder.

    Registered as a `TrainerCallback` with name "calibrate_threshold".
    """

    def on_start(self, trainer: Any, is_primary: bool = True, **kwargs: Any) -> None:
        """
        Check that the model is a span filter.

        # Raises

        `ConfigurationError` for another model, and without validation data.
        """
        super().on_start(trainer, is_primary, **kwargs)
        if not isinstance(trainer.model, SpanFilterModel):
            raise ConfigurationError(
                "the callback 'calibrate_threshold' is for models of type 'span_filter'"
            )
        if trainer._validation_data_loader is None:
            raise ConfigurationError(
                "the callback 'calibrate_threshold' needs a 'validation_data_path'"
            )
        # The training may start from a filter that has thresholds.
        trainer.model.forget_thresholds()

    def on_end(
        self,
        trainer: Any,
        metrics: Optional[Dict[str, Any]] = None,
        epoch: Optional[int] = None,
        is_primary: bool = True,
        **kwargs: Any,
    ) -> None:
        """Score the validation data with the best weights, which AllenNLP has loaded by then."""
        # Without metrics, training has failed.
        if metrics is None:
            return
        model = trainer.model
        # The counts of the training were of other weights.
        model.count(trainer._validation_data_loader, trainer.cuda_device)
        model.calibrate_threshold(model.metric)
        if model.threshold_logit() == -math.inf:
            logger.warning(
                "No threshold has the requested recall: too many entities of the validation data "
                "are wider than max_span_width. This filter removes nothing."
            )
        # In every process: the scores of all are gathered.
        points = model.metric.curve()
        model.metric.reset()
        best = trainer._best_model_filename
        if is_primary and best is not None:
            write_curve(points, Path(best).with_name("filter_curve.csv"))
            trainer.save_best_weights()
