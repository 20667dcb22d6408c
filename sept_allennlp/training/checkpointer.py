"""Checkpoints and weights that are complete whenever they have their names."""

import logging
import os
import pickle
from contextlib import contextmanager, suppress
from typing import Any, Dict, Iterator, Optional, Tuple

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.training import Checkpointer, Trainer
from allennlp.training.trainer import TrainerCheckpoint
from typing_extensions import override

logger = logging.getLogger(__name__)

BEST_WEIGHTS = "best.th"

# The errors that reading a damaged checkpoint raises.
_DAMAGE = (RuntimeError, EOFError, OSError, KeyError, ValueError, pickle.UnpicklingError)


@contextmanager
def written_whole(path: str) -> Iterator[str]:
    """
    Yield a temporary name to write to, and rename the file to `path` when it is complete.

    A process that is killed while it writes leaves the earlier file of this name as it was.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        # A pipe or a device.
        yield path
        return
    target = os.path.realpath(path)
    part = f"{target}.part"
    try:
        yield part
        os.replace(part, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(part)
        raise


def save_weights(state: Dict[str, Any], path: str, epoch: int) -> None:
    """Write the state of a module, with the epoch that it comes from inside."""
    # torch keeps these notes beside the tensors, and no module looks at this one.
    state._metadata[""]["epoch"] = epoch  # type: ignore[attr-defined]
    with written_whole(path) as part:
        torch.save(state, part)


def epoch_of_weights(path: str) -> Optional[int]:
    """Return the epoch that `save_weights` noted; `None` if the file is missing or damaged."""
    try:
        state = torch.load(path, map_location="cpu", mmap=True)
        return state._metadata[""].get("epoch")
    except (*_DAMAGE, AttributeError):
        return None


class RecoverableCheckpointer(Checkpointer):
    """
    AllenNLP's checkpointer, for trainings that may be killed at any moment.

    Each file is complete or absent, and a checkpoint without its training state is never found.
    `load_checkpoint` returns the latest checkpoint that can be read and whose best weights are in
    the folder, or can be written again because the checkpoint ends the best epoch.

    Registered as a `Checkpointer` with name "default", in place of AllenNLP's. It takes the same
    parameters.
    """

    @override
    def save_checkpoint(self, trainer: Trainer) -> None:
        checkpoint = trainer.get_checkpoint_state()
        if checkpoint is not None:
            state = checkpoint.trainer_state
            place = (state["epochs_completed"], state["batches_in_epoch_completed"])
            model_state = self._model_state_path(*place)
            # One of the same name can only be a checkpoint that `load_checkpoint` refused.
            with suppress(FileNotFoundError):
                os.remove(model_state)
            with written_whole(self._training_state_path(*place)) as part:
                torch.save(state, part)
            # The last of the two, because AllenNLP finds a checkpoint by this one.
            with written_whole(model_state) as part:
                torch.save(checkpoint.model_state, part)
        # Both files exist, so this only removes old checkpoints.
        super().save_checkpoint(trainer)

    @override
    def maybe_save_checkpoint(
        self, trainer: Trainer, num_epochs_completed: int, num_batches_in_epoch_completed: int
    ) -> bool:
        super().maybe_save_checkpoint(trainer, num_epochs_completed, num_batches_in_epoch_completed)
        # Otherwise the trainer links the best weights to the checkpoint, without their epoch.
        return False

    @override
    def load_checkpoint(self) -> Optional[TrainerCheckpoint]:
        if self.state_is_sharded:
            return super().load_checkpoint()
        best_weights = os.path.join(self._serialization_dir, BEST_WEIGHTS)
        found = epoch_of_weights(best_weights)
        faults = []
        for place in sorted(self._find_all_checkpoints(), reverse=True):
            checkpoint, fault = self._load(place, found)
            if checkpoint is not None:
                return checkpoint
            faults.append(fault)
            logger.warning("Checkpoint skipped, the one before it is tried: %s", fault)
        if not faults and os.path.exists(best_weights):
            faults = [f"{best_weights} is there, but no checkpoint"]
        if faults:
            raise ConfigurationError(
                f"{self._serialization_dir}: training cannot be recovered: {faults[0]}. Use "
                "another --serialization-dir, or start again with --force."
            )
        return None

    def _load(
        self, place: Tuple[int, int], found: Optional[int]
    ) -> Tuple[Optional[TrainerCheckpoint], str]:
        """Load a checkpoint, or say why it cannot be used with the best weights of `found`."""
        path = ""
        states = []
        try:
            for path in (self._training_state_path(*place), self._model_state_path(*place)):
                states.append(torch.load(path, map_location="cpu"))
        except _DAMAGE as error:
            reason = str(error).split("\n")[0]
            return None, f"{path} is missing or damaged ({reason})"
        trainer_state, model_state = states
        best = trainer_state["metric_tracker"]["best_epoch"]
        ends_best_epoch = best is not None and place == (best + 1, 0)
        if best is not None and best != found and not ends_best_epoch:
            return None, f"{BEST_WEIGHTS} is missing, or is not from the best epoch ({best})"
        return TrainerCheckpoint(model_state, trainer_state), ""
