import os
from pathlib import Path
from typing import Any, Dict, Optional

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.nn.util import move_to_device
from allennlp.training.callbacks import TrainerCallback

from sept_allennlp.filter_figure import curve_table, save_curve
from sept_allennlp.models.span_filter import SpanFilterModel


@TrainerCallback.register("resolve_threshold")
class ResolveThreshold(TrainerCallback):
    """
    When the training of a span filter has ended, finds on the validation data which threshold gives
    which recall, and puts that into the best weights, from where it comes into the archive. The
    whole curve is written as `filter_curve.csv` into the run's folder.

    Registered as a `TrainerCallback` with name "resolve_threshold".
    """

    def on_start(self, trainer: Any, is_primary: bool = True, **kwargs: Any) -> None:
        super().on_start(trainer, is_primary, **kwargs)
        if not isinstance(trainer.model, SpanFilterModel):
            raise ConfigurationError(
                "the callback 'resolve_threshold' is for models of type 'span_filter'"
            )
        if trainer._validation_data_loader is None:
            raise ConfigurationError(
                "the callback 'resolve_threshold' needs a 'validation_data_path'"
            )

    def on_end(
        self,
        trainer: Any,
        metrics: Optional[Dict[str, Any]] = None,
        epoch: Optional[int] = None,
        is_primary: bool = True,
        **kwargs: Any,
    ) -> None:
        # Without metrics, training has failed.
        if metrics is None:
            return
        model = trainer.model
        # What was counted during training was of other weights.
        model.eval()
        model.metric.reset()
        with torch.no_grad():
            for batch in trainer._validation_data_loader:
                model(**move_to_device(batch, trainer.cuda_device))
        model.resolve_threshold(model.metric)
        # By every process: the scores of all are brought together.
        points = curve_table(model.metric)
        model.metric.reset()
        best = trainer._best_model_filename
        if is_primary and best is not None:
            save_curve(points, Path(best).with_name("filter_curve.csv"))
            # Not into the file itself: a checkpoint may be the same file under another name.
            torch.save(model.state_dict(), f"{best}.new")
            os.replace(f"{best}.new", best)
