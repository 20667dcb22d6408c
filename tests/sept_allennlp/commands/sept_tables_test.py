import json
import sys
from pathlib import Path
from typing import Dict

import pandas
import pytest
from allennlp.commands import main

import sept_allennlp  # noqa: F401  (registers the commands)

SUITE = """
local run = { pytorch_seed: std.parseInt(std.extVar('SEPT_SEED')) };
{
  runs: { a: run, b: run, c: run },
  tables: [{ name: 'table1', title: 'Table 1', paper: 'theirs', rows: [
    { system: 'A', run: 'a', paper: { precision: 0.642, recall: 0.716, f1: 0.677 } },
    { system: 'B', run: 'b' },
    { system: 'C', run: 'c' },
  ] }],
  figures: [{ name: 'figure2', title: 'Figure 2', x_label: 'x', lines: [
    { label: 'SciERC', points: [{ x: 50, run: 'a' }, { x: 'all', run: 'b' }] },
  ] }],
}
"""

TABLES = SUITE.replace("figures:", "figures::")
FILES = ["figure2.csv", "figure2.png", "figure2.svg", "table1.csv", "table1.md"]


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """
    Return a suite with runs beside it: "a" with two seeds, "b" with one of them, and "c"
    unfinished. Its figure is hidden, because drawing takes most of the time.
    """
    for place, f1 in (("a/1", 2 / 3), ("a/2", 0.7), ("b/2", 0.5), ("c/1", None)):
        folder = tmp_path / "runs" / place
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps({"pytorch_seed": int(folder.name)}))
        if f1 is not None:
            metrics = {
                "epoch": 4,
                "best_epoch": 3,
                "training_duration": "0:20:01.234567",
                "validation_f1": f1,
                "best_validation_precision": 0.5,
                "best_validation_recall": 1.0,
                "best_validation_f1": f1,
            }
            (folder / "metrics.json").write_text(json.dumps(metrics))
    file = tmp_path / "suite.jsonnet"
    file.write_text(TABLES)
    return file


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["allennlp", "sept-tables", *map(str, arguments)])
    main()


def contents(folder: Path) -> Dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def test_from_runs_and_again_from_their_scores(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    suite.write_text(SUITE)
    run(monkeypatch, suite, "-s", tmp_path / "runs", "--output", tmp_path / "new" / "docs")
    captured = capsys.readouterr()
    assert captured.err == "no finished run: b with seed 1\nno finished run: c\n"
    written = contents(tmp_path / "new" / "docs")
    assert sorted(written) == sorted([*FILES, "runs.csv"])
    table = written["table1.md"].decode().splitlines()
    # Of .666667 and .7: their mean, and half their distance times √2.
    assert table[4:7] == [
        "| A | .500 ± .000 | 1.000 ± .000 | .683 ± .024 | 2 | .642 / .716 / .677 |",
        "| B | .500 | 1.000 | .500 | 1 of 2 | — |",
        "| C | — | — | — | no run | — |",
    ]
    assert "theirs, P / R / F1" in table[2]
    numbers = pandas.read_csv(tmp_path / "new" / "docs" / "table1.csv")
    assert list(numbers["f1"].fillna(0)) == [0.683334, 0.5, 0]
    runs = pandas.read_csv(tmp_path / "new" / "docs" / "runs.csv")
    assert list(runs["run"]) == [*"aabbcc"]
    assert list(runs["minutes"].fillna(0)) == [20.020576, 20.020576, 0, 20.020576, 0, 0]

    scores = tmp_path / "new" / "docs" / "runs.csv"
    run(monkeypatch, suite, "--from-csv", scores, "--output", tmp_path / "again")
    again = contents(tmp_path / "again")
    assert sorted(again) == FILES
    assert again == {name: written[name] for name in FILES}


def test_missing_seeds_are_reported(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    output = tmp_path / "output"
    for source in (["-s", tmp_path / "runs"], ["--from-csv", output / "runs.csv"]):
        run(monkeypatch, suite, *source, "--output", output, "--seeds", 3, 2)
        assert (output / "table1.md").read_text().splitlines()[4:7] == [
            "| A | .500 | 1.000 | .700 | 1 of 2 | .642 / .716 / .677 |",
            "| B | .500 | 1.000 | .500 | 1 of 2 | — |",
            "| C | — | — | — | no run | — |",
        ]
        complaints = [
            f"no finished run: {name}" for name in ("a with seed 3", "b with seed 3", "c")
        ]
        assert capsys.readouterr().err.splitlines() == complaints


def test_a_damaged_run_is_reported_and_missing(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    damaged = tmp_path / "runs" / "a" / "1"
    (damaged / "metrics.json").write_text("{}")
    run(monkeypatch, suite, "-s", tmp_path / "runs", "--output", tmp_path / "output")
    complaints = capsys.readouterr().err.splitlines()
    assert complaints[0].startswith(f"{damaged}: metrics.json has no")
    assert "no finished run: a with seed 1" in complaints
    assert "| A | .500 | 1.000 | .700 | 1 of 2 |" in (tmp_path / "output" / "table1.md").read_text()


def test_the_tables_name_the_encoders_of_their_runs(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, layers in (("a/1", 6), ("a/2", 6), ("b/2", 12)):
        folder = tmp_path / "runs" / place / "vocabulary" / ".encoders" / "model-0123456789ab"
        folder.mkdir(parents=True)
        sizes = {"model_type": "bert", "num_hidden_layers": layers, "hidden_size": 384}
        (folder / "config.json").write_text(json.dumps(sizes))
    output = tmp_path / "output"
    for source in (["-s", tmp_path / "runs"], ["--from-csv", output / "runs.csv"]):
        run(monkeypatch, suite, *source, "--output", output)
        assert (output / "table1.md").read_text().splitlines()[-1] == (
            "Encoder: model (bert, 12 layers, 384 wide); model (bert, 6 layers, 384 wide)."
        )


def test_runs_that_the_suite_does_not_name_do_not_count(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = tmp_path / "mine.csv"
    scores.write_text("run,seed,precision,recall,f1\na,1,.1,.2,.3\nother,9,1,1,1\n")
    run(monkeypatch, suite, "--from-csv", scores, "--output", tmp_path)
    assert "| A | .100 | .200 | .300 | 1 |" in (tmp_path / "table1.md").read_text()


def test_tables_without_runs(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    suite.write_text(SUITE)
    (tmp_path / "none").mkdir()
    run(monkeypatch, suite, "-s", tmp_path / "none", "--output", tmp_path / "output")
    assert (tmp_path / "output" / "table1.md").read_text().count("| no run |") == 3
    assert capsys.readouterr().err.splitlines() == [f"no finished run: {run}" for run in "abc"]


def test_an_unreadable_input_is_reported(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = ["--output", tmp_path / "output"]
    with pytest.raises(SystemExit, match="sept-tables: .*none is not a folder"):
        run(monkeypatch, suite, "-s", tmp_path / "none", *output)
    with pytest.raises(SystemExit, match="sept-tables: .*none.csv"):
        run(monkeypatch, suite, "--from-csv", tmp_path / "none.csv", *output)
    with pytest.raises(SystemExit, match="sept-tables: .*none.jsonnet"):
        run(monkeypatch, tmp_path / "none.jsonnet", "-s", tmp_path / "runs", *output)
    assert not (tmp_path / "output").exists()


def test_runs_in_folds_and_others_do_not_share_a_table(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = tmp_path / "mine.csv"
    scores.write_text("run,seed,precision,recall,f1,folds\na,1,.1,.2,.3,5\nb,1,1,1,1,\n")
    complaint = "table1: its runs were trained in no folds and 5 folds"
    with pytest.raises(SystemExit, match=complaint):
        run(monkeypatch, suite, "--from-csv", scores, "--output", tmp_path)


def test_a_reference_without_predictions_is_reported(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    suite.write_text(TABLES.replace("paper: 'theirs',", "reference: 'a',"))
    run(monkeypatch, suite, "-s", tmp_path / "runs", "--output", tmp_path / "output")
    complaints = capsys.readouterr().err.splitlines()
    assert f"{tmp_path}/runs/b/2/validation_predictions.jsonl does not exist" in complaints[2]
    assert "| F1 | seeds |" in (tmp_path / "output" / "table1.md").read_text()
