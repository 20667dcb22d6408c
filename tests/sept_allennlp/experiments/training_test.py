import json
import os
import zipfile
from pathlib import Path
from typing import Any, Dict, Optional

import pytest

from sept_allennlp.experiments.checkpoints import remove_checkpoints, remove_partial_checkpoints
from sept_allennlp.experiments.errors import SuiteError
from sept_allennlp.experiments.results import RunError
from sept_allennlp.experiments.training import (
    Status,
    Training,
    read_trainings,
    status_of,
    train_command,
)

CONFIG = {"pytorch_seed": 1, "model": {"type": "sept", "width": 12}, "list": [1, 2]}


@pytest.fixture
def training(tmp_path: Path) -> Training:
    return Training("sept", 1, CONFIG, tmp_path)


def fill(training: Training, config: Dict[str, Any] = CONFIG) -> None:
    training.folder.mkdir(parents=True)
    (training.folder / "config.json").write_text(json.dumps(config))


def save(folder: Path, checkpoint: str, model: bool = True, state: bool = True) -> None:
    for name, whole in (("model_state", model), ("training_state", state)):
        file = folder / f"{name}_{checkpoint}.th"
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("weights", "0" * 100)
        if not whole:
            file.write_bytes(file.read_bytes()[:-30])


def test_all_runs_of_a_seed_come_before_the_next(tmp_path: Path) -> None:
    suite = tmp_path / "suite.jsonnet"
    suite.write_text("local s = std.extVar('SEPT_SEED'); { runs: { a: { s: s }, b: { s: s } } }")
    trainings = read_trainings(suite, tmp_path, [5, 4, 5])
    assert [str(training) for training in trainings] == ["a/5", "b/5", "a/4", "b/4"]
    assert [training.config for training in trainings] == [{"s": s} for s in "5544"]
    assert trainings[0].folder == tmp_path / "a" / "5"
    chosen = read_trainings(suite, tmp_path, [5], ["b"])
    assert [str(training) for training in chosen] == ["b/5"]
    with pytest.raises(SuiteError, match="has no run 'c', only a, b"):
        read_trainings(suite, tmp_path, [5], ["c"])


FOLD_SUITE = """
local data = std.extVar('SEPT_DATA');
{
  folds: 2,
  runs: { [name]: {
    train_data_path: data + '/train.json',
    validation_data_path: data + '/dev.json',
    seed: std.extVar('SEPT_SEED'),
  } for name in ['a', 'b'] },
}
"""


def test_a_run_in_folds_is_trained_once_for_each(tmp_path: Path) -> None:
    suite = tmp_path / "suite.jsonnet"
    suite.write_text(FOLD_SUITE)
    trainings = read_trainings(suite, tmp_path, [5, 4], ["a"])
    assert [str(training) for training in trainings] == [
        f"a/{seed}/fold_{fold}_of_2" for seed in (5, 4) for fold in (1, 2)
    ]
    assert trainings[1].folder == tmp_path / "a" / "5" / "fold_2_of_2"
    assert trainings[1].log == tmp_path / "a" / "5" / "fold_2_of_2.log"
    assert trainings[1].config_file == tmp_path / "a" / "5" / "fold_2_of_2.json"
    assert trainings[1].config == {
        "train_data_path": f"{tmp_path}/folds/fold_2_of_2/train.json",
        "validation_data_path": f"{tmp_path}/folds/fold_2_of_2/dev.json",
        "seed": "5",
        "trainer": {"callbacks": ["keep_last_epoch", "keep_predictions"]},
    }
    assert len(read_trainings(suite, tmp_path, [5], folds=3)) == 6
    plain = read_trainings(suite, tmp_path, [5], folds=0)
    assert [str(training) for training in plain] == ["a/5", "b/5"]


def test_a_run_with_folds_and_one_without_keep_apart(tmp_path: Path) -> None:
    suite = tmp_path / "suite.jsonnet"
    suite.write_text(FOLD_SUITE)
    (fold, *_), (plain, *_) = (read_trainings(suite, tmp_path, [5], folds=n) for n in (2, 0))
    fill(plain, dict(plain.config))
    with pytest.raises(RunError, match="a/5 holds a run that was not trained in folds"):
        status_of(fold)
    plain.folder.rename(tmp_path / "b")
    fold.folder.mkdir(parents=True)
    assert status_of(fold) is Status.NEW
    with pytest.raises(RunError, match="a/5 is not the folder of a run"):
        status_of(plain)


def test_a_new_training(training: Training) -> None:
    assert status_of(training) is Status.NEW
    training.folder.mkdir(parents=True)
    assert status_of(training) is Status.NEW


def test_a_folder_with_only_a_configuration_has_begun(training: Training) -> None:
    fill(training)
    assert status_of(training) is Status.BEGUN


def test_a_checkpoint_is_resumed(training: Training) -> None:
    fill(training)
    save(training.folder, "e1_b0")
    assert status_of(training) is Status.INTERRUPTED


@pytest.mark.parametrize("partial", [{"model": False}, {"state": False}])
def test_a_partial_checkpoint_does_not_count(training: Training, partial: Dict[str, bool]) -> None:
    fill(training)
    save(training.folder, "e1_b0", **partial)
    assert status_of(training) is Status.BEGUN
    save(training.folder, "e0_b7")
    assert status_of(training) is Status.INTERRUPTED
    remove_partial_checkpoints(training.folder)
    left = sorted(file.name for file in training.folder.glob("*.th"))
    assert left == ["model_state_e0_b7.th", "training_state_e0_b7.th"]


def test_half_of_a_checkpoint_is_missing(training: Training) -> None:
    fill(training)
    save(training.folder, "e1_b0")
    (training.folder / "training_state_e1_b0.th").unlink()
    assert status_of(training) is Status.BEGUN
    remove_partial_checkpoints(training.folder)
    assert not list(training.folder.glob("*.th"))


@pytest.mark.parametrize("checkpoint, whole", [("e2_b0", False), ("e2_b5", True)])
@pytest.mark.parametrize("best", ["older", "partial", None])
def test_a_best_checkpoint_without_best_weights_is_not_resumed(
    training: Training, best: Optional[str], checkpoint: str, whole: bool
) -> None:
    # Between a checkpoint and the best weights, which AllenNLP writes next, it was killed. (Inside
    # an epoch, those of the epoch before have long been written.)
    fill(training)
    folder = training.folder
    save(folder, "e1_b0")
    save(folder, checkpoint)
    (folder / "metrics_epoch_1.json").write_text('{"best_epoch": 1}')
    weights = folder / "best.th"
    if best == "partial":
        weights.write_bytes(b"PK")
    elif best == "older":
        os.link(folder / "model_state_e1_b0.th", weights)
        os.utime(weights, (0, 0))
    remove_partial_checkpoints(folder)
    names = {file.name for file in folder.glob("*_state_*.th")}
    assert names >= {"model_state_e1_b0.th", "training_state_e1_b0.th"}
    assert (f"model_state_{checkpoint}.th" in names) is whole
    assert status_of(training) is Status.INTERRUPTED


@pytest.mark.parametrize("best_epoch, best", [(0, False), (1, True)])
def test_a_checkpoint_with_its_best_weights_is_resumed(
    training: Training, best_epoch: int, best: bool
) -> None:
    fill(training)
    folder = training.folder
    save(folder, "e2_b0")
    (folder / "metrics_epoch_1.json").write_text(json.dumps({"best_epoch": best_epoch}))
    if best:
        # As AllenNLP does without a moving average.
        os.link(folder / "model_state_e2_b0.th", folder / "best.th")
    remove_partial_checkpoints(folder)
    assert (folder / "model_state_e2_b0.th").exists()
    assert status_of(training) is Status.INTERRUPTED


def test_the_first_checkpoint_without_best_weights_does_not_count(training: Training) -> None:
    fill(training)
    save(training.folder, "e1_b0")
    (training.folder / "metrics_epoch_0.json").write_text('{"best_epoch": 0}')
    assert status_of(training) is Status.BEGUN


def test_a_finished_training(training: Training) -> None:
    fill(training)
    (training.folder / "metrics.json").write_text("{}")
    assert status_of(training) is Status.FINISHED
    # Trained by hand and put here, it may have its checkpoints.
    save(training.folder, "e1_b0")
    assert status_of(training) is Status.FINISHED
    training.config_file.write_text("{}")
    assert status_of(training) is Status.ENDED


def test_checkpoints_are_removed_and_the_best_weights_stay(training: Training) -> None:
    fill(training)
    save(training.folder, "e1_b0")
    (training.folder / "best.th").write_text("")
    remove_checkpoints(training.folder)
    assert sorted(file.name for file in training.folder.iterdir()) == ["best.th", "config.json"]


@pytest.mark.parametrize("finished", [False, True])
def test_another_configuration_is_refused(training: Training, finished: bool) -> None:
    fill(training, {"pytorch_seed": 1, "model": {"type": "sept", "width": 8, "flat": True}})
    if finished:
        (training.folder / "metrics.json").write_text("{}")
    with pytest.raises(RunError) as refusal:
        status_of(training)
    message = str(refusal.value)
    assert str(training.folder) in message
    assert "list is absent there, [1, 2] in the suite; " in message
    assert "model.flat is true there, absent in the suite; and 1 more. Move it away" in message


def test_a_folder_of_other_files_is_refused(training: Training) -> None:
    training.folder.mkdir(parents=True)
    (training.folder / "thesis.tex").touch()
    with pytest.raises(RunError, match="is not the folder of a run"):
        status_of(training)
    (training.folder / "config.json").write_text("{")
    with pytest.raises(RunError, match="config.json is not a valid configuration"):
        status_of(training)


@pytest.mark.parametrize(
    "found, flag",
    [(Status.NEW, None), (Status.BEGUN, "--force"), (Status.INTERRUPTED, "--recover")],
)
def test_the_command(training: Training, found: Status, flag: str) -> None:
    command = train_command(training, found, ["sept_allennlp", "mine"])
    assert command[1:5] == ["-m", "allennlp", "train", str(training.config_file)]
    assert command[5:7] == ["--serialization-dir", str(training.folder)]
    assert command[8:12] == ["--include-package", "sept_allennlp", "--include-package", "mine"]
    assert command[12:] == ([flag] if flag else [])
