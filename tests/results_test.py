import json
import sys
from pathlib import Path

import pandas
import pytest
from allennlp.commands import main

from sept_allennlp.results import RunError, collect, to_markdown


@pytest.fixture
def runs(tmp_path: Path) -> list:
    folders = []
    for seed, f1 in ((1, 0.6), (2, 0.7)):
        folder = tmp_path / f"run-{seed}"
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"pytorch_seed": seed}))
        metrics = {
            "training_duration": "0:30:00",
            "best_epoch": 3,
            "epoch": 4,
            "best_validation_precision": 0.5,
            "best_validation_recall": 0.75,
            "best_validation_f1": f1,
            "validation_f1": f1 - 0.1,
        }
        (folder / "metrics.json").write_text(json.dumps(metrics))
        folders.append(folder)
    return folders


def test_a_row_a_run(runs: list) -> None:
    table = collect(runs)
    assert list(table["run"]) == ["run-1", "run-2"]
    assert list(table["seed"]) == [1, 2]
    assert list(table["f1"]) == [0.6, 0.7]
    assert list(table["best_epoch"]) == [4, 4]
    assert list(table["epochs"]) == [5, 5]
    assert list(table["minutes"]) == [30.0, 30.0]


def test_the_table_ends_with_mean_and_deviation(runs: list) -> None:
    lines = to_markdown(collect(runs)).splitlines()
    assert lines[2].startswith("| run-1 | 1 | 0.5000 | 0.7500 | 0.6000 | 4 | 5 | 0.5000 | 30.0 |")
    # The sample's deviation of .6 and .7 is .1 / √2.
    assert "| 0.6500 ± 0.0707 |" in lines[4]
    assert len(to_markdown(collect(runs[:1])).splitlines()) == 3


def test_the_command_writes_what_it_prints(
    runs: list,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    target = tmp_path / "runs.csv"
    arguments = ["allennlp", "sept-results", *map(str, runs), "--csv", str(target)]
    monkeypatch.setattr(sys, "argv", arguments)
    main()
    assert "mean ± sd" in capsys.readouterr().out
    assert list(pandas.read_csv(target)["f1"]) == [0.6, 0.7]


def test_an_unfinished_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a finished run.*metrics.json"):
        collect([tmp_path])
