import json
import sys
from pathlib import Path
from typing import Any, Dict, List, Sequence

import optuna
import pandas
import pytest
from allennlp.commands import main

from sept_allennlp.experiments import tune as tuning
from sept_allennlp.experiments.errors import RunError, SuiteError
from sept_allennlp.experiments.training import Status, Training
from sept_allennlp.experiments.tune import Range, read_space, tune
from tests.experiments import FIXTURES
from tests.sept_allennlp.experiments import fake_training

CONFIG: Dict[str, Any] = {
    "pytorch_seed": 1,
    "fake": [".5"],
    "trainer": {"num_epochs": 1, "validation_metric": "+f1"},
}


def fake_command(training: Training, found: Status, packages: Sequence[str]) -> List[str]:
    files = [str(training.config_file), str(training.folder)]
    return [sys.executable, fake_training.__file__, *files, found.value]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tuning, "train_command", fake_command)
    file = tmp_path / "config.json"
    file.write_text(json.dumps(CONFIG))
    return file


def run(config: Path, space: Any, trials: int, folds: int = 0) -> Any:
    lines: List[str] = []
    root = config.parent / "study"
    values = tune(config, space, root, trials, folds, lines.append, poll_seconds=0.02)
    return values, lines, root


def test_the_best_values_are_found_and_a_study_resumes(config: Path) -> None:
    space = {"fake": [[".3"], [".7"]], "trainer.lr": Range(0.1, 0.9)}
    values, lines, root = run(config, space, 4)
    assert values["fake"] == [".7"] and 0.1 <= values["trainer.lr"] <= 0.9
    assert len([line for line in lines if line.endswith(": 0.7000")]) >= 1
    assert "of 4, 0.7000" in lines[-1]
    table = pandas.read_csv(root / "trials.csv")
    assert set(table["value"]) <= {0.3, 0.7} and len(table) == 4
    # Only the best trial keeps its weights.
    assert len(list(root.rglob("best.th"))) == 1
    assert not list(root.rglob("*_state_*"))

    # Again: two more trials, with other values.
    _, lines, _ = run(config, space, 6)
    assert [line for line in lines if line.startswith("trial 4: {")]
    assert not [line for line in lines if line.startswith("trial 3: {")]
    table = pandas.read_csv(root / "trials.csv")
    assert len(table) == 6 and table["params_trainer.lr"].nunique() == 6
    # A study with enough trials trains nothing.
    assert len(run(config, space, 6)[1]) == 1


def test_a_trial_that_was_running_when_the_study_was_killed_counts_as_failed(config: Path) -> None:
    _, _, root = run(config, {"fake": [[".3"]]}, 1)
    study = optuna.load_study(study_name="config", storage=f"sqlite:///{root}/study.db")
    study.ask()
    _, lines, _ = run(config, {"fake": [[".3"]]}, 2)
    assert lines[0].startswith("trial 2: ")
    states = pandas.read_csv(root / "trials.csv")["state"].tolist()
    assert states == ["COMPLETE", "FAIL", "COMPLETE"]


def test_an_interruption_says_how_to_continue(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines: List[str] = []

    def report(line: str) -> None:
        lines.append(line)
        if line.startswith("trial 1: {"):
            raise KeyboardInterrupt

    root = config.parent / "study"
    with pytest.raises(KeyboardInterrupt):
        tune(config, {"fake": [[".3"]]}, root, 3, 0, report, poll_seconds=0.02)
    assert lines[-1] == "Interrupted. The same command continues the study."
    assert capsys.readouterr() == ("", "")
    states = pandas.read_csv(root / "trials.csv")["state"].tolist()
    assert states == ["COMPLETE"]


def test_a_bad_trial_is_stopped_early(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "_FIRST_TRIALS", 1)
    # An option without effect, so that trials differ by the configuration alone.
    space = {"trainer.size": [1]}
    two_epochs = {**CONFIG, "trainer": {**CONFIG["trainer"], "num_epochs": 2}}
    config.write_text(json.dumps({**two_epochs, "fake": [".6", ".7"]}))
    run(config, space, 1)
    # In its second epoch this one waits until it is told to end.
    config.write_text(json.dumps({**two_epochs, "fake": [".1", ".9 hang"]}))
    _, lines, root = run(config, space, 2)
    assert lines[1] == "trial 1: pruned"
    assert (root / "1" / "1.told").exists()
    assert pandas.read_csv(root / "trials.csv")["state"].tolist() == ["COMPLETE", "PRUNED"]


def test_folds_give_their_mean(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = FIXTURES / "abstracts"
    monkeypatch.setenv("SEPT_DATA", str(data))
    jsonnet = config.with_suffix(".jsonnet")
    paths = {"train_data_path": "train", "validation_data_path": "dev"}
    read = ", ".join(
        f"{key}: std.extVar('SEPT_DATA') + '/{name}.json'" for key, name in paths.items()
    )
    jsonnet.write_text(f"{config.read_text()} + {{ {read} }}")
    _, lines, root = run(jsonnet, {"fake": [[".4"]]}, 1, folds=2)
    assert lines[-1] == "best: trial 0 of 1, 0.4000"
    folders = sorted(folder.name for folder in (root / "0" / "1").iterdir() if folder.is_dir())
    assert folders == ["fold_1_of_2", "fold_2_of_2"]


def test_a_training_that_fails_ends_the_study(config: Path) -> None:
    with pytest.raises(RunError, match="A training failed; its log is .*0/1.log"):
        run(config, {"fake": [[".3 crash"]]}, 2)


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("{", "space.json: "),
        ("{}", "names no option to tune"),
        ('{"a": []}', "a needs choices"),
        ('{"a": {"low": 2, "high": 1}}', "a needs choices, or a 'low' below its 'high'"),
        ('{"a": {"low": 1}}', "missing required field `high`"),
        ('{"a": 1}', "Expected"),
    ],
)
def test_an_invalid_space_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "space.json"
    file.write_text(text)
    with pytest.raises(SuiteError, match=complaint):
        read_space(file)


def test_the_command_prints_the_values_for_training(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    space = config.with_name("space.json")
    space.write_text('{"fake": [[".3"]], "trainer.size": {"low": 2, "high": 3}}')
    arguments = ["sept-tune", config, space, "-s", config.with_name("study"), "--trials", 1]
    monkeypatch.setattr(sys, "argv", ["allennlp", *map(str, arguments)])
    main()
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f'allennlp train {config} -o \'{{"fake": [".3"], "trainer.size": ')
