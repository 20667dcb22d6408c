"""AllenNLP's callbacks for TensorBoard and Weights & Biases, as current releases need them."""

from typing import Any
from uuid import uuid4

from allennlp.training.callbacks import TensorBoardCallback, WandBCallback
from allennlp.training.callbacks.log_writer import LogWriterCallback
from typing_extensions import override


class _FirstBatchToo(LogWriterCallback):
    """
    Log writer that can log the distribution of the updates of the first batch.

    AllenNLP's stops there if `distribution_interval` is 1, or if a training is recovered right
    before a batch that it logs.
    """

    @override
    def on_start(self, trainer: Any, is_primary: bool = True, **kwargs: Any) -> None:
        super().on_start(trainer, is_primary, **kwargs)
        if is_primary and self._distribution_interval is not None:
            self._param_updates = {
                name: parameter.detach().cpu().clone()
                for name, parameter in trainer.model.named_parameters()
            }


class TensorBoard(_FirstBatchToo, TensorBoardCallback):
    """
    AllenNLP's callback for TensorBoard, with any `distribution_interval`.

    Registered as a `TrainerCallback` with name "tensorboard", in place of AllenNLP's.
    """


class WandB(_FirstBatchToo, WandBCallback):
    """
    AllenNLP's callback for Weights & Biases, for current releases of `wandb`.

    Registered as a `TrainerCallback` with name "wandb", in place of AllenNLP's. It takes the same
    parameters.
    """

    @override
    def on_start(self, trainer: Any, is_primary: bool = True, **kwargs: Any) -> None:
        if self._run_id is None:
            # AllenNLP's uses a name that wandb has removed.
            self._run_id = uuid4().hex[:8]
        # Without effect, and wandb warns about it.
        self._wandb_kwargs.pop("anonymous", None)
        super().on_start(trainer, is_primary, **kwargs)
