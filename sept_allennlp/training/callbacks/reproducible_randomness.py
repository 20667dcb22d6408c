from typing import Any, Dict, Optional

import torch
import torch.distributed as dist
from allennlp.common.util import is_distributed
from allennlp.training.callbacks import TrainerCallback
from typing_extensions import override


@TrainerCallback.register("reproducible_randomness")
class ReproducibleRandomness(TrainerCallback):
    """
    Callback that makes a recovered training draw the same random numbers as an undisturbed one.

    AllenNLP's checkpoints hold no state of a random generator. With `--recover`, AllenNLP reads the
    batches again that were already trained on, which restores Python's generator, from which
    batches are shuffled. This callback restores PyTorch's, from which dropout and the span samplers
    draw: it seeds the generator for each epoch, and a checkpoint inside an epoch holds its state.

    In distributed training, every process draws different numbers. A checkpoint inside an epoch
    holds the first process's state, so recovery from it is exact with one process only.

    Registered as a `TrainerCallback` with name "reproducible_randomness".
    """

    def __init__(self, serialization_dir: str) -> None:
        super().__init__(serialization_dir)
        self._rank = dist.get_rank() if is_distributed() else 0
        self._world_size = dist.get_world_size() if is_distributed() else 1
        # As `pytorch_seed` of the configuration has set it.
        self._seed = torch.initial_seed()
        self._epoch = 0
        self._recovered_state: Optional[Dict[str, torch.Tensor]] = None

    @override
    def on_start(self, trainer: Any, is_primary: bool = True, **kwargs: Any) -> None:
        super().on_start(trainer, is_primary, **kwargs)
        self._seed_epoch()
        if self._recovered_state is not None and self._rank == 0:
            _set_generator_state(self._recovered_state)

    @override
    def on_epoch(
        self,
        trainer: Any,
        metrics: Dict[str, Any],
        epoch: int,
        is_primary: bool = True,
        **kwargs: Any,
    ) -> None:
        self._epoch = epoch + 1
        self._seed_epoch()

    def _seed_epoch(self) -> None:
        # Distinct for every epoch, process and base seed; torch takes 64 bits.
        place = self._epoch * self._world_size + self._rank
        torch.manual_seed((self._seed * 1_000_003 + place) % 2**63)

    @override
    def state_dict(self) -> Dict[str, Any]:
        return {"epoch": self._epoch, "generators": _generator_state()}

    @override
    def load_state_dict(self, state_dict: Dict[str, Any]) -> None:
        # Applied in `on_start`; until then others may draw numbers.
        self._epoch = state_dict["epoch"]
        self._recovered_state = state_dict["generators"]


def _generator_state() -> Dict[str, torch.Tensor]:
    """Return the states of PyTorch's generators by device."""
    state = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def _set_generator_state(state: Dict[str, torch.Tensor]) -> None:
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
