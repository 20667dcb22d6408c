"""Reliability diagrams from kept predictions."""

import json
from pathlib import Path
from typing import List

import numpy as np
import pandas as pd
import pytest
from allennlp.commands import main

from sept_allennlp.experiments.errors import RunError
from sept_allennlp.experiments.reliability import measure_reliability
from sept_runtime.calibration import Calibration

WORDS = [f"w{n}" for n in range(40)]


def keep(folder: Path, scores: List[List[float]], right: List[List[bool]]) -> None:
    """Write the predictions of a run: one entity a word, right or with another label."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for number, (row, is_right) in enumerate(zip(scores, right)):
        words = WORDS[: len(row)]
        text = " ".join(words)
        ends = np.cumsum([1 + len(word) for word in words]).tolist()
        offsets = [[end - 1 - len(word), end - 1] for end, word in zip(ends, words)]
        entities = [
            {
                "text": word,
                "label": "A",
                "score": score,
                "start": start,
                "end": end,
                "start_word": n,
                "end_word": n,
            }
            for n, (word, score, (start, end)) in enumerate(zip(words, row, offsets))
        ]
        gold = [[n, n, "A" if yes else "B"] for n, yes in enumerate(is_right)]
        lines.append(
            {
                "format_version": 1,
                "doc_key": str(number),
                "text": text,
                "sentences": [words],
                "word_offsets": offsets,
                "ner": [gold],
                "entities": entities,
                "predicted_ner": [[[n, n, "A"] for n in range(len(words))]],
            }
        )
    file = folder / "validation_predictions.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_the_errors_before_and_after_a_calibration(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    scores = random.uniform(0.4, 1.0, (200, 40)).round(4)
    right = random.random((200, 40)) < Calibration(1.5, -1.0)(scores)
    keep(tmp_path / "run", scores.tolist(), right.tolist())
    found = measure_reliability(tmp_path / "run")
    assert found.errors["as predicted"] == pytest.approx(scores.mean() - right.mean(), abs=0.01)
    assert found.errors["calibrated"] < 0.03 < found.errors["as predicted"]
    # What the true probabilities have on average.
    true = Calibration(1.5, -1.0)(scores).ravel()
    bins = (true * 10).astype(int)
    errors = []
    for _ in range(200):
        deviations = true - (random.random(8000) < true)
        errors.append(np.abs(np.bincount(bins, deviations)).sum() / 8000)
    by_chance = found.errors["by chance, if perfectly calibrated"]
    assert by_chance == pytest.approx(np.mean(errors), rel=0.1)
    assert found.bins.groupby("scores")["predictions"].sum().tolist() == [8000, 8000]


def test_the_command_draws_and_lists_the_bins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # In the bins of 0.5 and 0.9, two right of four and three of four: .01 and .17 off.
    scores = [[0.5, 0.52, 0.9, 0.94], [0.5, 0.52, 0.9, 0.94]]
    right = [[True, False, True, True], [True, False, False, True]]
    keep(tmp_path / "run", scores, right)
    stem = tmp_path / "figures" / "reliability"
    command = ["allennlp", "sept-results", str(tmp_path / "run"), "--reliability", str(stem)]
    monkeypatch.setattr("sys.argv", command)
    main()
    assert "expected calibration error, as predicted: 0.0900" in capsys.readouterr().out
    table = pd.read_csv(f"{stem}.csv")
    rows = table[table["scores"] == "as predicted"].drop(columns="scores").values.tolist()
    assert rows == [[4, 0.51, 0.5], [4, 0.92, 0.75]]
    assert all(Path(f"{stem}.{kind}").stat().st_size > 1000 for kind in ("png", "svg"))


def test_each_fold_has_its_own_calibration_and_thresholds(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    scores = random.uniform(0.5, 1.0, (400, 40)).round(4)
    # The second fold's model is too sure.
    true = np.concatenate([scores[:200], Calibration(1.0, -1.0)(scores[200:])])
    right = random.random((400, 40)) < true
    for number, fold in enumerate(("fold_1_of_2", "fold_2_of_2")):
        part = slice(200 * number, 200 * (number + 1))
        keep(tmp_path / fold, scores[part].tolist(), right[part].tolist())
    found = measure_reliability(tmp_path)
    assert found.errors["calibrated"] < 0.015 < 0.08 < found.errors["as predicted"]
    # In the first fold .75 of the predictions are right, so lower precisions need no threshold. In
    # the second it is .55, which is also the highest recall.
    reached = {(option, wanted): value for option, wanted, value in found.reached.values}
    wanted = [("precision", 0.8), ("precision", 0.9), ("recall", 0.5)]
    assert list(reached) == wanted
    assert list(reached.values()) == pytest.approx([0.8, 0.9, 0.5], abs=0.02)


def test_a_run_without_predictions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="validation_predictions.jsonl does not exist"):
        measure_reliability(tmp_path)
    keep(tmp_path, [[]], [[]])
    with pytest.raises(RunError, match="no predicted entities"):
        measure_reliability(tmp_path)
