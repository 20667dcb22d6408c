import json
import multiprocessing
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, Optional

import pytest
import torch
from allennlp.commands.train import train_model
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import SigTermReceived
from allennlp.training.callbacks import TrainerCallback

from sept_allennlp.archives import load_archive
from sept_allennlp.training import recovery
from tests.experiments import SIX_BATCHES, experiment
from tests.sept_allennlp.training import faults

pytestmark = pytest.mark.trains

EPOCHS = {"trainer.num_epochs": 3, **SIX_BATCHES}


@TrainerCallback.register("interrupt_in_a_test", exist_ok=True)
class Interrupt(TrainerCallback):
    """Callback that ends a training inside an epoch, as Ctrl-C or `kill` do."""

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


def interrupt(run: Path, at: Dict[str, Any], overrides: Optional[Dict[str, Any]] = None) -> None:
    """Interrupt a training, and leave what an undisturbed one's configuration recovers."""
    config = experiment({**EPOCHS, **(overrides or {})}).as_dict(quiet=True)
    # AllenNLP restores callbacks by their positions.
    callbacks = [*config["trainer"]["callbacks"], {"type": "interrupt_in_a_test", **at}]
    with pytest.raises((KeyboardInterrupt, SigTermReceived)):
        train(run, {"trainer.callbacks": callbacks, **(overrides or {})})
    (run / "config.json").write_text(json.dumps(config))


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
def test_a_recovered_run_equals_an_undisturbed_one(
    undisturbed: Path, tmp_path: Path, by: str, save_every: Optional[int]
) -> None:
    run = tmp_path / "run"
    checkpoints = {"trainer.checkpointer": {"save_every_num_batches": save_every}}
    interrupt(run, {"epoch": 1, "batch": 4, "by": by}, checkpoints)
    assert not (run / "metrics.json").exists()
    # What was interrupted has an archive already, of the best epoch so far, and it works.
    assert load_archive(run / "model.tar.gz").model is not None
    train(run, checkpoints, recover=True)
    assert_same_result(run, undisturbed)


def test_recovering_before_the_first_checkpoint_starts_again(
    undisturbed: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    interrupt(run, {"epoch": 0, "batch": 1, "by": "ctrl-c"})
    train(run, recover=True)
    # With the pre-trained encoder, that is, and not one of random weights.
    assert_same_result(run, undisturbed)


def test_an_epoch_of_some_batches_is_recovered(tmp_path: Path) -> None:
    # Of six, so that the second epoch begins inside the first pass over the data.
    four_batches = {"data_loader.batches_per_epoch": 4}
    train(tmp_path / "undisturbed", four_batches)
    interrupt(tmp_path / "run", {"epoch": 1, "batch": 1, "by": "ctrl-c"}, four_batches)
    train(tmp_path / "run", four_batches, recover=True)
    assert_same_result(tmp_path / "run", tmp_path / "undisturbed")


@pytest.fixture(scope="session")
def improving(train_once: Callable[..., str]) -> Path:
    """Return the folder of a training whose every epoch is the best so far."""
    overrides = {"trainer.num_epochs": 3, "dataset_reader.max_instances": 4}
    overrides["trainer.validation_metric"] = "-loss"
    folder = Path(train_once("improving", overrides)).parent
    assert json.loads((folder / "metrics.json").read_text())["best_epoch"] == 2
    return folder


def without_result(folder: Path, copy: Path) -> Path:
    """Copy a training as it was before its metrics and its archive were written."""
    shutil.copytree(folder, copy)
    for name in ("metrics.json", "model.tar.gz"):
        (copy / name).unlink()
    return copy


def test_best_weights_hold_their_epoch(improving: Path) -> None:
    assert torch.load(improving / "best.th")._metadata[""]["epoch"] == 2


def of_an_earlier_epoch(file: Path) -> None:
    state = torch.load(file)
    state._metadata[""]["epoch"] = 1
    state["_output.weight"] += 1.0
    torch.save(state, file)


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:30_000])


@pytest.mark.parametrize(
    "name, damage",
    [
        ("best.th", of_an_earlier_epoch),
        ("best.th", Path.unlink),
        ("best.th", cut_short),
        ("training_state_e3_b0.th", Path.unlink),
        ("training_state_e3_b0.th", lambda file: file.write_bytes(b"")),
        ("model_state_e3_b0.th", cut_short),
    ],
    ids=[
        "before the best weights",
        "before any best weights",
        "within the best weights",
        "before the training state",
        "within the training state",
        "within the model state",
    ],
)
def test_a_training_killed_between_two_files_ends_as_if_undisturbed(
    name: str, damage: Callable[[Path], None], improving: Path, tmp_path: Path
) -> None:
    run = without_result(improving, tmp_path / "run")
    damage(run / name)
    train_model(faults.three_epochs(), str(run), recover=True)
    assert faults.same(faults.result(run), faults.result(improving))


@pytest.mark.parametrize(
    "file, kind",
    [("model_state_e1_b0.th.part", "within"), ("best.th", "before"), ("metrics.json", "before")],
)
def test_a_training_killed_at_a_write_ends_as_if_undisturbed(
    file: str, kind: str, improving: Path, tmp_path: Path
) -> None:
    written = [path for _, path in faults.writes_of(faults.three_epochs, tmp_path / "whole")]
    run = tmp_path / "run"
    faults.train_with_fault(faults.three_epochs, run, written.index(file), kind)
    faults.recover(faults.three_epochs, run)
    assert faults.same(faults.result(run), faults.result(improving))


def test_best_weights_that_cannot_be_restored_are_reported(improving: Path, tmp_path: Path) -> None:
    # The first epoch is the best, and its checkpoint is missing.
    overrides = {"trainer.validation_metric": "+loss"}
    run = tmp_path / "run"
    train_model(faults.three_epochs(overrides), str(run))
    (run / "best.th").unlink()
    with pytest.raises(ConfigurationError, match=r"best.th is missing, .* best epoch \(0\)"):
        train_model(faults.three_epochs(overrides), str(run), recover=True)


def test_best_weights_without_a_checkpoint_are_not_overwritten(
    improving: Path, tmp_path: Path
) -> None:
    run = without_result(improving, tmp_path / "run")
    for file in run.glob("*_state_*.th"):
        file.unlink()
    with pytest.raises(ConfigurationError, match="best.th is there, but no checkpoint"):
        train_model(faults.three_epochs(), str(run), recover=True)


def test_a_training_that_ran_out_of_patience_trains_no_further_epoch(tmp_path: Path) -> None:
    overrides = {"trainer.validation_metric": "+loss", "trainer.patience": 1}
    whole, run = tmp_path / "whole", tmp_path / "run"
    train_model(faults.three_epochs(overrides), str(whole))
    assert json.loads((whole / "metrics.json").read_text())["epoch"] == 1
    without_result(whole, run)
    train_model(faults.three_epochs(overrides), str(run), recover=True)
    assert faults.same(faults.result(run), faults.result(whole))


def test_metrics_of_another_epoch_than_the_weights_are_refused(
    improving: Path, tmp_path: Path
) -> None:
    shutil.copytree(improving, tmp_path / "run")
    recovery.check_best_weights(tmp_path / "run")
    of_an_earlier_epoch(tmp_path / "run" / "best.th")
    with pytest.raises(ConfigurationError, match="describes the model of epoch 2, but best.th is"):
        recovery.check_best_weights(tmp_path / "run")


def test_two_trainings_cannot_write_to_one_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "WAIT_FOR_OTHERS", 0.2)
    run = tmp_path / "run"
    run.mkdir()
    ours, theirs = multiprocessing.Pipe()

    def hold() -> None:
        recovery.lock(run)
        theirs.send("locked")
        theirs.recv()

    process = multiprocessing.get_context("fork").Process(target=hold)
    process.start()
    assert ours.recv() == "locked"
    with pytest.raises(ConfigurationError, match="another training is writing to this folder"):
        train_model(faults.three_epochs(), str(run), force=True)
    ours.send("end")
    process.join()
    recovery.lock(run)
