import json
import os
import signal
import sys
from pathlib import Path
from typing import List, Tuple

import pandas
import pytest
from allennlp.commands import main

import sept_allennlp  # noqa: F401  (registers the commands)
from sept_allennlp.experiments.runner import Runner
from sept_allennlp.experiments.training import Status, Training
from tests.experiments import CONFIGS, ENVIRONMENT, FIXTURES, ROOT
from tests.sept_allennlp.experiments import fake_training

SUITE = """
local tiny = (import 'CONFIGS/sept_minilm.jsonnet') + {
  model+: { feedforward+: { hidden_dims: 8 } },
  trainer+: { num_epochs: 1, moving_average: null },
};
{
  runs: { tiny: tiny, other: tiny { data_loader+: { batch_size: 4 } } },
  tables: [{ name: 'table1', title: 'Table 1', rows: [
    { system: 'SEPT', run: 'tiny', paper: { f1: 0.677 } },
    { system: 'SEPT, larger batches', run: 'other' },
  ] }],
}
""".replace("CONFIGS", CONFIGS.as_posix())


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a suite on the fixtures. Its trainings find the package in the working directory."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(ROOT)
    file = tmp_path / "suite.jsonnet"
    file.write_text(SUITE)
    return file


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> Tuple[int, str]:
    """Run AllenNLP's command in this process; gives its exit status and what it died of."""
    monkeypatch.setattr(sys, "argv", ["allennlp", *map(str, arguments)])
    try:
        main()
    except SystemExit as exit:
        return (exit.code, "") if isinstance(exit.code, int) else (1, str(exit.code))
    return 0, ""


@pytest.mark.processes
def test_a_suite_is_trained_once_and_tabulated(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    runs, output = tmp_path / "runs", tmp_path / "output"
    train = ["sept-suite", suite, "-s", runs, "--seeds", 5, "--runs", "tiny"]
    assert run(monkeypatch, *train) == (0, ""), capsys.readouterr().out
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].endswith("  tiny/5  waiting")
    assert " finished: F1 " in printed[-2]
    assert printed[-1] == "1 trainings: 1 finished"
    folder = runs / "tiny" / "5"
    assert json.loads((folder / "config.json").read_text())["pytorch_seed"] == 5
    assert (folder / "model.tar.gz").exists()
    assert not list(folder.glob("*_state_*"))

    assert run(monkeypatch, *train) == (0, "")
    printed = capsys.readouterr().out.splitlines()
    assert " kept: F1 " in printed[0]
    assert printed[1] == "1 trainings: 1 kept"

    assert run(monkeypatch, "sept-tables", suite, "-s", runs, "--output", output) == (0, "")
    captured = capsys.readouterr()
    names = ["runs.csv", "table1.md", "table1.csv"]
    assert captured.out.splitlines() == [str(output / name) for name in names]
    assert captured.err == "no finished run: other\n"
    f1 = json.loads((folder / "metrics.json").read_text())["best_validation_f1"]
    (row,) = [line for line in (output / "table1.md").read_text().split("\n") if "| SEPT |" in line]
    assert row.endswith(f"| {f1:.3f} | 1 | — / — / .677 |".replace(" 0.", " ."))

    # Another suite's runs are not these.
    suite.write_text(SUITE.replace("num_epochs: 1", "num_epochs: 2"))
    assert run(monkeypatch, *train) == (1, "")
    assert "trainer.num_epochs is 1 there, 2 in the suite" in capsys.readouterr().out
    assert run(monkeypatch, "sept-tables", suite, "-s", runs, "--output", output) == (0, "")
    complaint = (
        "1 of 1 runs were trained with another configuration than the suite has now; tiny/5: "
    )
    assert complaint + "trainer.num_epochs is 1 there, 2 in the suite" in capsys.readouterr().err


FOLDS = """
local data = std.extVar('SEPT_DATA');
local run = {
  pytorch_seed: std.parseInt(std.extVar('SEPT_SEED')),
  train_data_path: data + '/train.json',
  validation_data_path: data + '/dev.json',
  trainer: { num_epochs: 1 },
  // For the trainings' stand-in: all entities are found, or a half.
  fake: ['.5'],
  fake_recall: 1,
};
{
  runs: { all: run, half: run { fake_recall: 0.5 }, conll: run { train_data_path: 'train.txt' } },
  tables: [{ name: 'table1', title: 'Table 1', reference: 'half', rows: [
    { system: 'All', run: 'all' },
    { system: 'Half', run: 'half' },
  ] }],
}
"""


def fake_command(training: Training, found: Status, packages: List[str]) -> List[str]:
    files = [str(training.config_file), str(training.folder)]
    return [sys.executable, fake_training.__file__, *files, found.value]


def test_a_suite_in_folds(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr("sept_allennlp.experiments.training.train_command", fake_command)
    suite.write_text(FOLDS)
    runs, output = tmp_path / "runs", tmp_path / "output"
    train = ["sept-suite", suite, "-s", runs, "--seeds", 5, "--folds", 3, "--jobs", 6]
    status, complaint = run(monkeypatch, *train)
    assert status == 1 and "run 'conll' cannot be trained in folds" in complaint
    train += ["--runs", "half", "all"]
    # The stand-in's configurations have nothing that could be timed.
    assert run(monkeypatch, *train, "--dry-run") == (1, "")
    assert not runs.exists()
    assert run(monkeypatch, *train) == (0, "")
    assert capsys.readouterr().out.splitlines()[-1] == "6 trainings: 6 finished"
    assert run(monkeypatch, *train) == (0, "")
    assert capsys.readouterr().out.splitlines()[-1] == "6 trainings: 6 kept"

    assert run(monkeypatch, "sept-tables", suite, "-s", runs, "--output", output) == (0, "")
    captured = capsys.readouterr()
    assert captured.err == ""
    names = ["runs.csv", "documents.csv", "table1.md", "table1.csv"]
    assert captured.out.splitlines() == [str(output / name) for name in names]
    # All 42 documents, whichever file they were in, once.
    documents = pandas.read_csv(output / "documents.csv")
    assert documents.groupby(["run", "seed"]).size().tolist() == [42, 42]
    half = documents[documents["run"] == "half"]
    right, gold = half["right"].sum(), half["gold"].sum()
    f1 = 2 * right / (right + gold)
    table = pandas.read_csv(output / "table1.csv").set_index("run")
    assert table.loc["half", "f1"] == pytest.approx(f1, abs=1e-6)
    assert table.loc["all", "f1"] == 1.0
    assert table.loc["all", "difference_f1"] == pytest.approx(1 - f1, abs=1e-6)
    low, high = table.loc["all", "difference_low"], table.loc["all", "difference_high"]
    assert 0 < low < 1 - f1 < high < 1
    text = (output / "table1.md").read_text()
    assert "in 3-fold cross-validation" in text
    assert "of a paired bootstrap over 42 documents" in text

    again = ["sept-tables", suite, "--from-csv", output / "runs.csv", "--output", tmp_path / "new"]
    assert run(monkeypatch, *again) == (0, "")
    assert (tmp_path / "new" / "table1.md").read_text() == text

    # Of other data there are other folds.
    (tmp_path / "data").mkdir()
    for file in ("train.json", "dev.json"):
        lines = (FIXTURES / "abstracts" / file).read_text().splitlines()[1:]
        (tmp_path / "data" / file).write_text("\n".join(lines))
    monkeypatch.setenv("SEPT_DATA", str(tmp_path / "data"))
    status, complaint = run(monkeypatch, *train)
    assert status == 1 and "fold_1_of_3/train.json was made from other data" in complaint


def test_a_dry_run_changes_nothing(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    runs = tmp_path / "runs"
    arguments = ["sept-suite", suite, "-s", runs, "--seeds", 2, 1, "--dry-run"]
    assert run(monkeypatch, *arguments) == (0, "")
    printed = capsys.readouterr().out.splitlines()
    waiting = [line.split(maxsplit=2)[2] for line in printed[:4]]
    assert waiting == [f"{name:8} waiting" for name in ("other/2", "tiny/2", "other/1", "tiny/1")]
    assert printed[4] == f"Encoder {ENVIRONMENT['SEPT_ENCODER']}: found"
    # 34 abstracts, in batches of 4 and of the configuration's 5.
    assert printed[5].startswith("other: 2 trainings, 2 epochs of 9 updates; ")
    assert printed[6].startswith("tiny: 2 trainings, 2 epochs of ")
    assert printed[7].startswith("Total: 4 trainings, about 0.0 hours with ")
    assert not runs.exists()


def test_a_dry_run_names_what_cannot_be_trained(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("SEPT_ENCODER", str(tmp_path / "nowhere"))
    arguments = ["sept-suite", suite, "-s", tmp_path / "runs", "--seeds", 1, "--dry-run"]
    assert run(monkeypatch, *arguments, "--runs", "tiny") == (1, "")
    printed = capsys.readouterr().out
    assert f"Encoder {tmp_path}/nowhere: cannot be loaded: " in printed
    assert "tiny: cannot be trained: " in printed
    assert "Total: 1 training, about 0.0 hours with " in printed
    assert ", without 1 run that cannot be trained." in printed


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no such signal")
@pytest.mark.parametrize("ignored", [False, True])
def test_the_end_of_the_terminal_stops_it(
    ignored: bool, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang_up(self: Runner) -> bool:
        os.kill(os.getpid(), signal.SIGHUP)
        return True

    monkeypatch.setattr(Runner, "run", hang_up)
    # As nohup does.
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        status = run(monkeypatch, "sept-suite", suite, "-s", tmp_path / "runs")
    finally:
        signal.signal(signal.SIGHUP, before)
    assert status == (0 if ignored else 130, "")


def test_what_cannot_be_trained_is_reported(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["sept-suite", suite, "-s", tmp_path / "runs"]
    complaint = f"sept-suite: {suite} has no run 'spet', only other, tiny."
    assert run(monkeypatch, *arguments, "--runs", "spet") == (1, complaint)
    suite.write_text("{")
    assert run(monkeypatch, *arguments)[1].startswith(f"sept-suite: {suite}: ")
