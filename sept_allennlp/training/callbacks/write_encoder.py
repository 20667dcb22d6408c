from pathlib import Path
from typing import Any, Dict, Optional

from allennlp.common.checks import ConfigurationError
from allennlp.training.callbacks import TrainerCallback

from sept_allennlp.models.masked_language_model import MaskedLanguageModel


@TrainerCallback.register("write_encoder")
class WriteEncoder(TrainerCallback):
    """
    Writes what a `masked_lm` has learned into the folder `encoder` of the run, as
    `SEPT_ENCODER` takes it, when the training has come to its end.

    Registered as a `TrainerCallback` with name "write_encoder".
    """

    def on_start(self, trainer: Any, is_primary: bool = True, **kwargs: Any) -> None:
        """
        # Raises

        `ConfigurationError` for another model than a `masked_lm`.
        """
        super().on_start(trainer, is_primary, **kwargs)
        if not isinstance(trainer.model, MaskedLanguageModel):
            raise ConfigurationError(
                "the callback 'write_encoder' is for models of type 'masked_lm'"
            )

    def on_end(
        self,
        trainer: Any,
        metrics: Optional[Dict[str, Any]] = None,
        epoch: Optional[int] = None,
        is_primary: bool = True,
        **kwargs: Any,
    ) -> None:
        """By the model's `write_encoder`."""
        # AllenNLP calls this for interrupted trainings, too, but then has no metrics.
        if is_primary and metrics is not None:
            trainer.model.write_encoder(str(Path(self.serialization_dir) / "encoder"))
