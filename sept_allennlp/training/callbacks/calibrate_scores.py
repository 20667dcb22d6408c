import logging
from typing import Any, Dict, Optional

from allennlp.common.checks import ConfigurationError
from allennlp.training.callbacks import TrainerCallback
from typing_extensions import override

from sept_allennlp.models.span_classifier import SpanClassifier
from sept_allennlp.training.calibration import calibrate

logger = logging.getLogger(__name__)


@TrainerCallback.register("calibrate_scores")
class CalibrateScores(TrainerCallback):
    """
    Makes the scores of predictions probabilities of being right, when a training ends.

    It fits a calibration of the entities, and one of the relations, on the validation data
    (`sept_allennlp.training.calibration`), and keeps both with the best weights, from where they
    get into the archive. The model predicts the same entities as before. Of relations, it leaves
    out those whose score is below half of the highest F1 (`Calibration.best_threshold`), unless
    `model.decoding` has a `min_relation_score`. Without validation data, scores stay as they are.

    Registered as a `TrainerCallback` with name "calibrate_scores".
    """

    @override
    def on_start(self, trainer: Any, is_primary: bool = True, **kwargs: Any) -> None:
        """
        Check that the model can be calibrated.

        # Raises

        `ConfigurationError` for a model that gives no scores to spans.
        """
        super().on_start(trainer, is_primary, **kwargs)
        if not isinstance(trainer.model, SpanClassifier):
            raise ConfigurationError(
                "the callback 'calibrate_scores' needs a model that scores spans, such as 'sept'"
            )
        if trainer._validation_data_loader is None:
            logger.warning("Without 'validation_data_path', scores are not calibrated.")

    @override
    def on_end(
        self,
        trainer: Any,
        metrics: Optional[Dict[str, Any]] = None,
        epoch: Optional[int] = None,
        is_primary: bool = True,
        **kwargs: Any,
    ) -> None:
        # Without metrics, training has failed. With them, AllenNLP has loaded the best weights.
        if metrics is None or trainer._validation_data_loader is None:
            return
        calibrate(trainer.model, trainer._validation_data_loader, trainer.cuda_device)
        if is_primary and trainer._best_model_filename is not None:
            trainer.save_best_weights()
