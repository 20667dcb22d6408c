import json
from pathlib import Path
from typing import Any, Callable, Dict, Optional

import pytest
import torch
from allennlp.commands.train import train_model
from allennlp.common.util import SigTermReceived
from allennlp.training.callbacks import TrainerCallback

from sept_allennlp.archives import load_archive
from tests.experiments import SIX_BATCHES, experiment

pytestmark = pytest.mark.trains

EPOCHS = {"trainer.num_epochs": 3, **SIX_BATCHES}


@TrainerCallback.register("interrupt_in_a_test", exist_ok=True)
class Interrupt(TrainerCallback):
    """Ends training in the middle of an epoch, as Ctrl-C or `kill` do."""

    def __init__(self, serialization_dir: str, epoch: int, batch: int, by: str) -> None:
        super().__init__(serialization_dir)
        self._place = (epoch, batch)
        self._by = by

    def on_batch(
        self, trainer: Any, batch_inputs: Any, batch_outputs: Any, batch_metrics: Any,
        epoch: int, batch_number: int, is_training: bool, **kwargs: Any,
    ) -> None:  # fmt: skip
        if is_training and (epoch, batch_number) == self._place:
            raise KeyboardInterrupt if self._by == "ctrl-c" else SigTermReceived


def final_metrics(run: Path) -> Dict[str, Any]:
    metrics = json.loads((run / "metrics.json").read_text())
    # Time and memory are another run's own.
    return {k: v for k, v in metrics.items() if "duration" not in k and "memory" not in k}


def final_weights(run: Path) -> Dict[str, torch.Tensor]:
    return torch.load(run / "best.th")


def train(run: Path, overrides: Optional[Dict[str, Any]] = None, recover: bool = False) -> None:
    train_model(experiment({**EPOCHS, **(overrides or {})}), str(run), recover=recover)


@pytest.fixture(scope="session")
def undisturbed(train_once: Callable[..., str]) -> Path:
    return Path(train_once("undisturbed", EPOCHS)).parent


def assert_same_result(run: Path, other: Path) -> None:
    assert final_metrics(run) == final_metrics(other)
    ours, theirs = final_weights(run), final_weights(other)
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert torch.equal(ours[name], theirs[name]), name


def test_the_same_seed_gives_the_same_model(undisturbed: Path, tmp_path: Path) -> None:
    train(tmp_path / "run")
    assert_same_result(tmp_path / "run", undisturbed)


def test_another_seed_gives_another_model(undisturbed: Path, tmp_path: Path) -> None:
    train(tmp_path / "run", {"pytorch_seed": 1, "trainer.num_epochs": 1})
    weights = final_weights(tmp_path / "run")
    assert not torch.equal(weights["_output.weight"], final_weights(undisturbed)["_output.weight"])


@pytest.mark.parametrize(
    "by, save_every",
    [("ctrl-c", None), ("kill", None), ("ctrl-c", 2)],
    ids=["ctrl-c", "kill", "checkpoint inside the epoch"],
)
def test_recovering_gives_what_an_undisturbed_run_gives(
    undisturbed: Path, tmp_path: Path, by: str, save_every: Optional[int]
) -> None:
    run = tmp_path / "run"
    callbacks = ["archive_encoder", "reproducible_randomness"]
    interrupt = {"type": "interrupt_in_a_test", "epoch": 1, "batch": 4, "by": by}
    checkpoints = {"trainer.checkpointer": {"save_every_num_batches": save_every}}
    with pytest.raises((KeyboardInterrupt, SigTermReceived)):
        train(run, {"trainer.callbacks": [*callbacks, interrupt], **checkpoints})
    assert not (run / "metrics.json").exists()
    # What was interrupted has an archive already, of the best epoch so far, and it works.
    assert load_archive(run / "model.tar.gz").model is not None

    (run / "config.json").write_text(json.dumps(experiment({**EPOCHS, **checkpoints}).as_dict()))
    train(run, checkpoints, recover=True)
    assert_same_result(run, undisturbed)


def test_recovering_before_the_first_checkpoint_starts_anew(
    undisturbed: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    callbacks = ["archive_encoder", "reproducible_randomness"]
    interrupt = {"type": "interrupt_in_a_test", "epoch": 0, "batch": 1, "by": "ctrl-c"}
    with pytest.raises(KeyboardInterrupt):
        train(run, {"trainer.callbacks": [*callbacks, interrupt]})
    (run / "config.json").write_text(json.dumps(experiment(EPOCHS).as_dict()))
    train(run, recover=True)
    # With the pre-trained encoder, that is, and not one of random weights.
    assert_same_result(run, undisturbed)
