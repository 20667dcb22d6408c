from pathlib import Path
from typing import Any, Dict, Optional

from allennlp.common.checks import ConfigurationError
from allennlp.training.callbacks import TrainerCallback
from typing_extensions import override

from sept_allennlp.models.masked_language_model import MaskedLanguageModel


@TrainerCallback.register("write_encoder")
class WriteEncoder(TrainerCallback):
    """
    Callback that writes the encoder of a `masked_lm` at the end of the training.

    The folder `encoder` of the run is one that `SEPT_ENCODER` takes.

    Registered as a `TrainerCallback` with name "write_encoder".
    """

    @override
    def on_start(self, trainer: Any, is_primary: bool = True, **kwargs: Any) -> None:
        super().on_start(trainer, is_primary, **kwargs)
        if not isinstance(trainer.model, MaskedLanguageModel):
            raise ConfigurationError(
                "the callback 'write_encoder' is for models of type 'masked_lm'"
            )

    @override
    def on_end(
        self,
        trainer: Any,
        metrics: Optional[Dict[str, Any]] = None,
        epoch: Optional[int] = None,
        is_primary: bool = True,
        **kwargs: Any,
    ) -> None:
        # AllenNLP calls this for interrupted trainings, too, but then has no metrics.
        if is_primary and metrics is not None:
            trainer.model.write_encoder(str(Path(self.serialization_dir) / "encoder"))
