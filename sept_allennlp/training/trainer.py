"""AllenNLP's trainer, exact in recovery, and the same with the encoder in bfloat16."""

import json
import multiprocessing
import os
import threading
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, Optional, Tuple

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import TensorDict
from allennlp.models import Model
from allennlp.training import GradientDescentTrainer, Trainer, gradient_descent_trainer
from allennlp.training.trainer import TrainerCheckpoint
from typing_extensions import override

from sept_allennlp.modules.bfloat16 import bfloat16_encoders, check_bfloat16
from sept_allennlp.training.callbacks.report_progress import ReportProgress
from sept_allennlp.training.checkpointer import BEST_WEIGHTS, epoch_of_weights, save_weights


class RecoverableTrainer(GradientDescentTrainer):
    """
    AllenNLP's trainer, whose trainings end as if they had never been interrupted.

    The best weights are written whole, with their epoch inside. If a training is killed between a
    checkpoint and its best weights, `--recover` writes them from the checkpoint. A training that
    has no epoch left, because the last one is done or patience has run out, only returns its
    result. In distributed training, each process ends with the command that started it.

    Registered as a `Trainer` with name "gradient_descent", in place of AllenNLP's. It takes the
    same parameters.
    """

    _serialization_dir: str

    def __init__(
        self,
        model: Model,
        *args: Any,
        distributed: bool = False,
        enable_default_callbacks: bool = True,
        **kwargs: Any,
    ) -> None:
        kwargs.update(distributed=distributed, enable_default_callbacks=enable_default_callbacks)
        super().__init__(model, *args, **kwargs)
        if enable_default_callbacks:
            # The first, so that what the others print comes below its heading.
            self._callbacks.insert(0, ReportProgress(self._serialization_dir))
        # The epoch of the best weights. AllenNLP's metric tracker counts validations instead.
        self._best_epoch: Optional[int] = None
        if distributed:
            end_with_parent()

    @override
    def get_checkpoint_state(self) -> Optional[TrainerCheckpoint]:
        checkpoint = super().get_checkpoint_state()
        if checkpoint is not None:
            # AllenNLP writes the best weights after the checkpoint that ends their epoch.
            best = self._epochs_completed - 1 if self._ends_best_epoch() else self._best_epoch
            checkpoint.trainer_state["metric_tracker"]["best_epoch"] = best
        return checkpoint

    def _ends_best_epoch(self) -> bool:
        return (
            self._batches_in_epoch_completed == 0
            and self._should_validate_this_epoch
            and self._metric_tracker.is_best_so_far()
        )

    def save_best_weights(self) -> None:
        """Write the model's weights as those of the best epoch."""
        assert self._best_epoch is not None
        path = os.path.join(self._serialization_dir, BEST_WEIGHTS)
        save_weights(self._pytorch_model.state_dict(), path, self._best_epoch)

    @override
    def _save_model_state(self, path: str) -> None:
        self._best_epoch = self._epochs_completed - 1
        if self._is_sharded:
            super()._save_model_state(path)
        else:
            self.save_best_weights()

    @property
    def _is_sharded(self) -> bool:
        return self._ddp_wrapped_model is not None and self._ddp_wrapped_model.is_sharded

    @override
    def _maybe_restore_checkpoint(self) -> None:
        super()._maybe_restore_checkpoint()
        self._best_epoch = self._metric_tracker.best_epoch
        if self._best_epoch is None or self._is_sharded:
            return
        # AllenNLP's checkpoint names the file of the best epoch before, and where it was then.
        self._best_model_filename = os.path.join(self._serialization_dir, BEST_WEIGHTS)
        if self._primary and epoch_of_weights(self._best_model_filename) != self._best_epoch:
            # The checkpointer has seen to it that the checkpoint ends the best epoch.
            if self._moving_average is not None:
                self._moving_average.assign_average_value()
            self.save_best_weights()
            if self._moving_average is not None:
                self._moving_average.restore()

    @override
    def _try_train(self) -> Tuple[Dict[str, Any], int]:
        done = self._start_after_epochs_completed
        inside_epoch = self._start_after_batches_in_epoch_completed > 0
        if done == 0 or inside_epoch:
            return super()._try_train()
        if done < self._num_epochs and not self._metric_tracker.should_stop_early():
            return super()._try_train()
        if self._best_model_filename is not None:
            self._load_model_state(self._best_model_filename)
        metrics = Path(self._serialization_dir) / f"metrics_epoch_{done - 1}.json"
        return json.loads(metrics.read_text()), done - 1


@Trainer.register("bfloat16", constructor="from_partial_objects")
class Bfloat16Trainer(RecoverableTrainer):
    """
    Trainer with the pre-trained encoder's linear layers and attention in bfloat16.

    Everything else is float32: the weights, their gradients and updates, sums and normalizations
    between the layers, the heads and the loss. A bfloat16 has the range of a float32, so there is
    no loss to scale, as in `use_amp`. Validation is float32 throughout.

    Registered as a `Trainer` with name "bfloat16".

    # Parameters

    As for `GradientDescentTrainer`.

    # Raises

    `ConfigurationError` together with `use_amp`, for a model without a pre-trained encoder, and if
    the device has no instructions for bfloat16.
    """

    def __init__(self, model: Model, *args: Any, use_amp: bool = False, **kwargs: Any) -> None:
        if use_amp:
            raise ConfigurationError(
                "trainer.use_amp (float16) and trainer.type 'bfloat16' exclude each other: remove "
                "one of them."
            )
        super().__init__(model, *args, **kwargs)
        check_bfloat16(model, self.cuda_device)

    @override
    def batch_outputs(self, batch: TensorDict, for_training: bool) -> Dict[str, torch.Tensor]:
        if not for_training:
            return super().batch_outputs(batch, for_training)
        with bfloat16_encoders():
            return super().batch_outputs(batch, for_training)


def end_with_parent() -> None:
    """
    End this process when the process that started it ends.

    A distributed training's command may be killed without a chance to end its workers, which must
    not train on beside what `--recover` starts. All files are written whole, so nothing is lost.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def autocast(enabled: bool) -> torch.amp.autocast:
    """Return what the trainer knows as `torch.cuda.amp.autocast`."""
    return torch.amp.autocast("cuda", enabled=enabled)


def install() -> None:
    """Give AllenNLP's trainer mixed precision by the names that torch wants."""
    gradient_descent_trainer.amp = SimpleNamespace(  # type: ignore[assignment]
        autocast=autocast, GradScaler=partial(torch.amp.GradScaler, "cuda")
    )
