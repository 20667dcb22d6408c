import json
import os
import re
import shutil
import sys
from pathlib import Path

import pandas
import pytest
from allennlp.commands import main

from sept_allennlp.experiments.counts import RELATION_SCORES
from sept_allennlp.experiments.results import (
    COLUMNS,
    Progress,
    RunError,
    collect,
    collect_suite,
    finished,
    read_csv,
    read_progress,
    to_markdown,
)


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


def test_a_run_that_finds_relations_has_their_scores(runs: list, tmp_path: Path) -> None:
    file = runs[1] / "metrics.json"
    scores = {"best_validation_rel_f1": 0.4, "best_validation_rel_plus_f1": 0.3}
    file.write_text(json.dumps({**json.loads(file.read_text()), **scores}))
    table = collect(runs)
    assert [*table.columns] == [*COLUMNS, "rel_f1", "rel_plus_f1"]
    assert table["rel_f1"].fillna(-1).tolist() == [-1, 0.4]
    table.to_csv(tmp_path / "runs.csv", index=False)
    pandas.testing.assert_series_equal(read_csv(tmp_path / "runs.csv")["rel_f1"], table["rel_f1"])
    assert [*collect(runs[:1]).columns] == COLUMNS


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


def test_the_command_reports_and_leaves_out_folders_without_runs(
    runs: list,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    file, damaged = tmp_path / "runs.csv", tmp_path / "damaged"
    file.touch()
    shutil.copytree(runs[0], damaged)
    (damaged / "metrics.json").write_text('{"best_epoch": 3}')
    others = [str(tmp_path), str(file), str(damaged)]
    monkeypatch.setattr(sys, "argv", ["allennlp", "sept-results", str(runs[0]), *others])
    main()
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 3
    complaints = captured.err.splitlines()
    assert [re.split(r": | is not ", line)[1] for line in complaints] == others
    assert all(line.startswith("sept-results: ") for line in complaints)
    monkeypatch.setattr(sys, "argv", ["allennlp", "sept-results", *others])
    with pytest.raises(SystemExit) as exit:
        main()
    assert exit.value.code == 1


def test_a_run_in_folds_is_scored_on_all_its_predictions(runs: list, tmp_path: Path) -> None:
    # One and two of two entities of one document each; the first predicts another, too.
    gold = [[0, 0, "Task"], [1, 1, "Task"]]
    folder = tmp_path / "sept" / "7"
    for number, found in ((1, [gold[0], [1, 1, "Method"]]), (2, gold)):
        fold = folder / f"fold_{number}_of_2"
        document = {"doc_key": f"d{number}", "sentences": [["a", "b"]], "ner": [gold]}
        shutil.copytree(runs[0], fold)
        (fold / "validation_predictions.jsonl").write_text(
            json.dumps({**document, "predicted_ner": [found]})
        )
    for table in (collect([folder]), collect_suite(tmp_path, ["sept"], pytest.fail)):
        (row,) = table.to_dict("records")
        assert (row["precision"], row["recall"], row["f1"], row["last_f1"]) == (0.75,) * 4
        assert (row["epochs"], row["minutes"], row["folds"]) == (5, 60.0, 2)
        table.to_csv(tmp_path / "runs.csv", index=False)
    pandas.testing.assert_frame_equal(read_csv(tmp_path / "runs.csv"), table)
    assert list(table["run"]) == ["sept"]
    both = pandas.concat([collect([folder]), collect(runs[:1])])
    assert [line.split(" | ")[-1] for line in to_markdown(both).splitlines()[2:4]] == ["2 |", " |"]
    # Of some documents no score can be made that another run's could be compared with.
    (folder / "fold_2_of_2" / "metrics.json").unlink()
    table = collect_suite(tmp_path, ["sept"], pytest.fail)
    assert list(table["f1"].fillna(-1)) == [-1]
    with pytest.raises(RunError, match="fold_2_of_2 is not a finished run"):
        collect([folder])


def test_relations_of_a_run_in_folds_are_counted_in_all_its_predictions(
    runs: list, tmp_path: Path
) -> None:
    # Of two relations of each document the first fold finds one, in the other order and with a
    # wrong entity label; the second finds both, and one that is not there.
    entities = [[0, 0, "Task"], [1, 1, "Task"], [2, 2, "Task"]]
    gold = [[0, 0, 1, 1, "SAME"], [1, 1, 2, 2, "PART-OF"]]
    found = {
        1: ([[0, 0, "Task"], [1, 1, "Method"]], [[1, 1, 0, 0, "SAME"]]),
        2: (entities, [*gold, [0, 0, 2, 2, "PART-OF"]]),
    }
    folder = tmp_path / "sept" / "7"
    for number, (predicted, relations) in found.items():
        fold = folder / f"fold_{number}_of_2"
        shutil.copytree(runs[0], fold)
        metrics = {f"best_validation_{name}": 0.125 for name in RELATION_SCORES}
        metrics.update(json.loads((fold / "metrics.json").read_text()))
        (fold / "metrics.json").write_text(json.dumps(metrics))
        config = {"pytorch_seed": 7, "model": {"relations": {"symmetric_labels": ["SAME"]}}}
        (fold / "config.json").write_text(json.dumps(config))
        line = {
            "doc_key": f"d{number}",
            "sentences": [["a", "b", "c"]],
            "ner": [entities],
            "gold_relations": [gold],
            "predicted_ner": [predicted],
            "predicted_relations": [relations],
        }
        (fold / "validation_predictions.jsonl").write_text(json.dumps(line))
    table = collect([folder])
    (row,) = table.to_dict("records")
    assert [row[name] for name in RELATION_SCORES[:3]] == [3 / 4, 3 / 4, 3 / 4]
    assert [row[name] for name in RELATION_SCORES[3:]] == [2 / 4, 2 / 4, 2 / 4]
    table.to_csv(tmp_path / "runs.csv", index=False)
    assert read_csv(tmp_path / "runs.csv")["rel_plus_f1"].tolist() == [0.5]


def test_an_unfinished_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not a finished run.*metrics.json"):
        collect([tmp_path])


def test_a_run_names_its_encoder(runs: list) -> None:
    folder = runs[0] / "vocabulary" / ".encoders" / "mini-lm-0123456789ab"
    folder.mkdir(parents=True)
    sizes = {"model_type": "bert", "num_hidden_layers": 6, "hidden_size": 384}
    (folder / "config.json").write_text(json.dumps(sizes))
    table = collect(runs)
    assert table["encoder"][0] == "mini-lm (bert, 6 layers, 384 wide)"
    assert pandas.isna(table["encoder"][1])
    lines = to_markdown(table).splitlines()
    assert lines[2].endswith("| 30.0 | mini-lm (bert, 6 layers, 384 wide) |")
    assert lines[3].endswith("| 30.0 |  |")


def write_epoch(folder: Path, epoch: int, duration: str, **more: float) -> None:
    metrics = {"epoch": epoch, "best_epoch": epoch, "training_duration": duration, **more}
    (folder / f"metrics_epoch_{epoch}.json").write_text(json.dumps(metrics))


def test_the_time_of_an_interrupted_run_is_all_of_its_time(runs: list) -> None:
    # Taken up again after the third epoch.
    for epoch, minutes in enumerate([10, 20, 30, 11, 21]):
        write_epoch(runs[0], epoch, f"0:{minutes}:00")
    assert list(collect(runs)["minutes"]) == [51.0, 30.0]


@pytest.mark.parametrize("pause, total", [(0, 22.0), (1, 32.0)])
def test_the_time_of_a_run_that_was_interrupted_after_its_first_epoch(
    runs: list, pause: int, total: float
) -> None:
    # The second epoch ends 1 minute after the first, which then was a slow one; or at least 11
    # minutes after it.
    ends = [10, 11, 22] if not pause else [10, 10 + pause + 11, 10 + pause + 22]
    for epoch, (minutes, end) in enumerate(zip([10, 11, 22], ends)):
        write_epoch(runs[0], epoch, f"0:{minutes}:00")
        os.utime(runs[0] / f"metrics_epoch_{epoch}.json", (60 * end, 60 * end))
    assert collect(runs)["minutes"][0] == total


def test_a_run_is_resumed_after_its_last_epoch(runs: list) -> None:
    # All that AllenNLP says then is what was best.
    metrics = {f"best_validation_{name}": 0.5 for name in ("precision", "recall", "f1")}
    (runs[0] / "metrics.json").write_text(json.dumps({"best_epoch": 9, **metrics}))
    write_epoch(runs[0], 9, "0:30:00", validation_f1=0.5)
    write_epoch(runs[0], 10, "0:33:00", validation_f1=0.4)
    row = collect(runs).iloc[0]
    assert list(row[["best_epoch", "epochs", "last_f1", "minutes"]]) == [10, 11, 0.4, 33.0]


def report_no_f1(run: Path, config: dict, **metrics: float) -> None:
    kept = {"training_duration": "0:30:00", "best_epoch": 3, "epoch": 4}
    (run / "metrics.json").write_text(json.dumps({**kept, **metrics}))
    (run / "config.json").write_text(json.dumps({"pytorch_seed": 1, "trainer": config}))


def test_a_run_without_f1_is_scored_by_its_validation_metric(runs: list, tmp_path: Path) -> None:
    report_no_f1(
        runs[0],
        {"validation_metric": "+filtration_rate"},
        validation_filtration_rate=0.6,
        best_validation_filtration_rate=0.75,
        best_validation_recall=0.99,
    )
    table = collect(runs)
    assert table["metric"].fillna("").tolist() == ["filtration_rate", ""]
    assert table["score"].fillna(-1).tolist() == [0.75, -1]
    assert table["f1"].fillna(-1).tolist() == [-1, 0.7]
    assert "| filtration_rate | 0.7500 |" in to_markdown(table)
    table.to_csv(tmp_path / "runs.csv", index=False)
    pandas.testing.assert_series_equal(read_csv(tmp_path / "runs.csv")["score"], table["score"])
    assert len(finished(table)) == 2


@pytest.mark.parametrize(
    "config, metrics, metric, score",
    [
        # AllenNLP's own default.
        ({}, {"best_validation_loss": 2.5, "training_loss": 2.0}, "loss", 2.5),
        ({"validation_metric": ["-cost", "+f1"]}, {"best_validation_cost": 1.5}, "cost", 1.5),
        # Without validation data there is only the loss, as when an encoder is adapted.
        ({}, {"training_perplexity": 9.0, "training_loss": 2.25}, "training_loss", 2.25),
    ],
)
def test_each_kind_of_training_has_a_score(
    runs: list, config: dict, metrics: dict, metric: str, score: float
) -> None:
    report_no_f1(runs[0], config, **metrics)
    (row,) = collect(runs[:1]).to_dict("records")
    assert (row["metric"], row["score"], row["best_epoch"]) == (metric, score, 4)


def test_a_run_in_folds_without_f1_has_the_mean_of_its_folds(runs: list, tmp_path: Path) -> None:
    for number, loss in ((1, 2.0), (2, 3.0)):
        fold = tmp_path / "lm" / "7" / f"fold_{number}_of_2"
        shutil.copytree(runs[0], fold)
        report_no_f1(fold, {}, best_validation_loss=loss)
    (row,) = collect([tmp_path / "lm" / "7"]).to_dict("records")
    assert (row["metric"], row["score"], row["folds"], row["minutes"]) == ("loss", 2.5, 2, 60.0)


def test_a_run_with_damaged_metrics_is_named(runs: list) -> None:
    report_no_f1(runs[0], {})
    with pytest.raises(RunError, match="run-1: metrics.json has neither a validation metric nor"):
        collect(runs)
    (runs[0] / "metrics.json").write_text('{"best_validation_f1": 1.0}')
    with pytest.raises(RunError, match="run-1: metrics.json has no 'best_epoch'"):
        collect(runs)
    (runs[0] / "metrics.json").write_text("{")
    with pytest.raises(RunError, match="run-1: a file of the run is not valid JSON"):
        collect(runs)


def test_progress(tmp_path: Path) -> None:
    assert read_progress(tmp_path, {}) is None
    # The tenth comes after the second, also where names are sorted otherwise.
    write_epoch(tmp_path, 1, "0:10:00", validation_f1=0.5, best_validation_f1=0.6)
    write_epoch(tmp_path, 9, "0:20:00", validation_f1=0.7, best_validation_f1=0.7)
    tenth = Progress(epochs=10, metric="f1", score=0.7, best_score=0.7, best_epoch=10)
    assert read_progress(tmp_path, {}) == tenth
    (tmp_path / "metrics_epoch_10.json").write_text('{"epoch"')
    assert read_progress(tmp_path, {}) == tenth
    write_epoch(tmp_path, 11, "0:30:00", training_loss=0.25)
    assert str(read_progress(tmp_path, {})) == "training loss 0.2500, best 0.2500 (epoch 12)"


@pytest.fixture
def suite_runs(runs: list, tmp_path: Path) -> Path:
    """Run "a" with the seeds 1 and 2, run "b" with the seed 2, still training with 3."""
    root = tmp_path / "suite"
    for run, target in ((runs[0], "a/1"), (runs[1], "a/2"), (runs[0], "b/2")):
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(run, root / target)
    (root / "b" / "3").mkdir()
    (root / "b" / "3.log").touch()
    return root


def test_every_run_of_a_suite_has_a_row(suite_runs: Path) -> None:
    table = collect_suite(suite_runs, ["b", "a", "c"], pytest.fail)
    assert list(table.columns) == COLUMNS
    assert list(table["run"]) == [*"bbb", *"aaa", *"ccc"]
    assert list(table["seed"]) == [1, 2, 3] * 3
    assert list(table["f1"].fillna(-1)) == [-1, 0.6, -1, 0.6, 0.7, -1, -1, -1, -1]
    assert list(table["best_epoch"].fillna(-1)) == [-1, 4, -1, 4, 4, -1, -1, -1, -1]
    assert list(collect_suite(suite_runs, ["c"], pytest.fail)["run"]) == []
    table = collect_suite(suite_runs, ["a"], pytest.fail, seeds=[4, 2, 4])
    assert list(table["seed"]) == [2, 4]
    assert list(table["f1"].fillna(-1)) == [0.7, -1]


def test_a_damaged_run_of_a_suite_counts_as_missing(suite_runs: Path) -> None:
    (suite_runs / "a" / "1" / "metrics.json").write_text('{"epo')
    notes: list = []
    table = collect_suite(suite_runs, ["a"], notes.append)
    assert list(table["f1"].fillna(-1)) == [-1, 0.7]
    assert len(notes) == 1 and notes[0].startswith(f"{suite_runs}/a/1: a file of the run is not")


def test_a_suites_runs_survive_being_written(suite_runs: Path, tmp_path: Path) -> None:
    file = suite_runs / "a" / "1" / "metrics.json"
    metrics = json.loads(file.read_text())
    # Of a third, all digits that there are would be lost, or be many.
    file.write_text(json.dumps({**metrics, "best_validation_f1": 2 / 3}))
    table = collect_suite(suite_runs, ["a", "b", "c"], pytest.fail)
    table.to_csv(tmp_path / "runs.csv", index=False)
    assert "a,1,0.5,0.75,0.666667,4,5,0.5,30.0" in (tmp_path / "runs.csv").read_text()
    pandas.testing.assert_frame_equal(read_csv(tmp_path / "runs.csv"), table)


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("", "not a table of runs"),
        ("run,seed,precision\n", "it lacks recall, f1"),
        ("run,seed,precision,recall,f1\na,1,1,1,high\n", "high"),
        ("run,seed,precision,recall,f1\na,,1,1,1\n", "runs.csv"),
        ("run,seed,precision,recall,f1\na,1,1,1,1\na,1,1,1,1\n", "a with seed 1 occurs twice"),
    ],
)
def test_an_invalid_table_of_runs_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "runs.csv").write_text(text)
    with pytest.raises(RunError, match=complaint):
        read_csv(tmp_path / "runs.csv")
