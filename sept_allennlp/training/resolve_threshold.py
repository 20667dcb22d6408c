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
        if not isinstance(trainer._pytorch_model, SpanFilterModel):
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
        model = trainer._pytorch_model
        # What was counted during training was of other weights.
        model.eval()
        model.metric.reset()
        with torch.no_grad():
            for batch in trainer._validation_data_loader:
                model(**move_to_device(batch, trainer.cuda_device))
        model.resolve_threshold(model.metric)
        if is_primary and self.serialization_dir:
            save_curve(curve_table(model.metric), Path(self.serialization_dir) / "filter_curve.csv")
        model.metric.reset()
        if is_primary and trainer._best_model_filename is not None:
            # A checkpoint may be the same file under another name, and stays as it is.
            os.remove(trainer._best_model_filename)
            torch.save(model.state_dict(), trainer._best_model_filename)
