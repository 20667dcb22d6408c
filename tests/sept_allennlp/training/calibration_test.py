"""Calibration of a trained model's scores."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest
import torch
from allennlp.commands.train import train_model
from allennlp.common.checks import ConfigurationError
from allennlp.data import Batch

from sept_allennlp.archives import load_archive
from sept_allennlp.export import export
from sept_allennlp.modules.score_calibration import ScoreCalibration
from sept_allennlp.predictors import SEPTPredictor
from sept_allennlp.training import calibration
from sept_allennlp.training.calibration import Scored, fit
from sept_allennlp.training.metrics import CalibrationError
from sept_runtime.calibration import Calibration
from sept_runtime.commands import main
from sept_runtime.inference.json_lines import predict_lines
from sept_runtime.onnx import ExportedPredictor
from tests.experiments import FIXTURES, experiment

CONFIG = "sept_minilm_relations.jsonnet"


def drawn(temperature: float, bias: float, number: int = 20_000) -> Scored:
    """Draw scores, and whether predictions are right as a calibration says."""
    random = np.random.default_rng(1)
    scores = random.uniform(0.3, 1.0, number)
    probabilities = Calibration(temperature, bias)(scores)
    return Scored(scores.tolist(), (random.random(number) < probabilities).tolist(), number)


def test_the_calibration_that_scores_were_drawn_by_is_found() -> None:
    found = fit(drawn(1.5, -0.75))
    assert found.temperature == pytest.approx(1.5, abs=0.1)
    assert found.bias == pytest.approx(-0.75, abs=0.1)
    metric = CalibrationError()
    metric(found(np.array(drawn(1.5, -0.75).scores)).tolist(), drawn(1.5, -0.75).is_right)
    assert metric.get_metric(reset=True)["calibration_error"] < 0.01
    metric(drawn(1.5, -0.75).scores, drawn(1.5, -0.75).is_right)
    assert metric.get_metric()["calibration_error"] > 0.1
    # All are predicted at a threshold of 0, and the right ones counted.
    assert found.predicted[0] == found.gold == 20_000
    assert found.right[0] == sum(drawn(1.5, -0.75).is_right)
    assert found.predicted == sorted(found.predicted, reverse=True)


def test_a_precision_holds_on_other_data() -> None:
    found, scored = fit(drawn(1.5, -0.75)), drawn(1.5, -0.75, 30_000)
    least = found.min_score(min_precision=0.8)
    # Those beyond the 20,000 that it was fitted on.
    scores, is_right = np.array(scored.scores[20_000:]), np.array(scored.is_right[20_000:])
    kept = found(scores) >= least
    assert kept.sum() > 1_000 and is_right[kept].mean() == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("right", [True, False])
def test_predictions_that_are_all_right_or_all_wrong_have_a_finite_calibration(right: bool) -> None:
    found = fit(Scored([0.5, 0.6, 0.7, 0.8, 0.9] * 8, [right] * 40, 40))
    assert math.isfinite(found.temperature) and math.isfinite(found.bias)
    assert found.temperature > 0


@pytest.mark.parametrize(
    "scored",
    [
        Scored([], [], 0),
        # Too few.
        Scored([0.9] * 5 + [0.4] * 5, [True] * 5 + [False] * 5, 10),
        # A higher score is less often right.
        Scored([0.9] * 20 + [0.4] * 20, [False] * 20 + [True] * 20, 40),
    ],
)
def test_scores_that_cannot_be_calibrated_stay(scored: Scored) -> None:
    found = fit(scored)
    assert (found.temperature, found.bias) == (1.0, 0.0)
    assert found.predicted[0] == len(scored.scores)


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    Return a run as that of `related_archive`, with a `min_score` and a calibration at its end.

    The tiny model's scores do not tell right from wrong, so that they would stay as they are.
    """
    overrides: Dict[str, Any] = {"trainer.num_epochs": 2, "trainer.optimizer.lr": 0.01}
    callbacks = experiment(overrides, CONFIG).as_dict()["trainer"]["callbacks"]
    overrides["trainer.callbacks"] = [*callbacks, "calibrate_scores"]
    overrides["model.decoding"] = {"flat": True, "min_score": 0.25}
    run = tmp_path_factory.mktemp("calibrated") / "run"

    def fitted(scored: Scored) -> Calibration:
        assert len(scored.scores) >= 10
        return replace(fit(scored), temperature=2.0, bias=-0.5)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration, "fit", fitted)
        train_model(experiment(overrides, CONFIG), str(run))
    return run


@pytest.mark.trains
def test_a_calibrated_model_predicts_the_same_with_other_scores(
    calibrated: Path, related_archive: str
) -> None:
    before = load_archive(related_archive, overrides={"model.decoding.min_score": 0.25})
    after = load_archive(calibrated / "model.tar.gz")
    dev = str(FIXTURES / "abstracts" / "dev.json")
    metrics, outputs = [], []
    for archive in (before, after):
        model = archive.model.eval()
        batch = Batch(list(archive.validation_dataset_reader.read(dev)))
        batch.index_instances(model.vocab)
        with torch.no_grad():
            outputs.append(model(**batch.as_tensor_dict()))
        metrics.append(model.get_metrics(reset=True))
    for what in ("entities", "relations"):
        found = [[item for each in output[what] for item in each] for output in outputs]
        assert [item[:3] for item in found[0]] == [item[:3] for item in found[1]]
        assert found[0]
        scores = np.array([[item.score for item in each] for each in found])
        assert Calibration(2.0, -0.5)(scores[0]) == pytest.approx(scores[1])
    assert metrics[1]["f1"] == metrics[0]["f1"]
    for name in ("calibration_error", "rel_calibration_error", "brier_score", "rel_brier_score"):
        assert metrics[1][name] != metrics[0][name] > 0
    # The threshold of the configuration, as one of calibrated scores.
    kept = after.model.calibration.get()
    assert (kept.temperature, kept.bias) == (2.0, -0.5)
    assert kept.gold > 50 and kept.predicted[0] > 50
    assert after.model.decoding.min_score == kept.threshold(0.25)
    assert before.model.decoding.min_score == 0.25


@pytest.mark.trains
def test_soft_labels_are_not_calibrated(calibrated: Path, related_archive: str) -> None:
    options = {"soft_labels": 0.3, "soft_relations": 0.0, "min_score": 0.0}
    lines = []
    for archive in (related_archive, calibrated / "model.tar.gz"):
        predictor = SEPTPredictor.from_path(archive, **options)
        lines.append(predictor.predict_json({"text": "We train a small parser for parsing."}))
    assert lines[0]["soft_ner"] == lines[1]["soft_ner"] and any(lines[0]["soft_ner"])
    assert lines[0]["soft_relations"] == lines[1]["soft_relations"]
    scores = [[entity["score"] for entity in line["entities"]] for line in lines]
    assert scores[0] != scores[1]


@pytest.mark.exports
@pytest.mark.trains
def test_an_export_has_the_same_calibration(
    calibrated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = SEPTPredictor.from_path(calibrated / "model.tar.gz")
    export(str(calibrated / "model.tar.gz"), tmp_path / "exported")
    exported = ExportedPredictor(tmp_path / "exported")
    assert exported.calibration == archive.calibration
    assert exported.decoding.min_score == pytest.approx(archive.decoding.min_score)
    lines = (FIXTURES / "raw_abstracts.jsonl").read_bytes().splitlines()[:3]
    options = {"min_relation_score": 0.2}
    found, expected = (
        list(predict_lines(each, lines, each.decoding.changed(**options)))
        for each in (exported, archive)
    )
    for ours, theirs in zip(found, expected, strict=True):
        for name in ("entities", "relations"):
            scores = [[item.pop("score") for item in line[name]] for line in (ours, theirs)]
            assert scores[0] == pytest.approx(scores[1], abs=1e-5)
        assert ours == theirs
    assert any(line["relations"] for line in found)

    # The command of exported models chooses thresholds, too.
    source = tmp_path / "texts.jsonl"
    source.write_bytes(b"\n".join(lines))
    command = ["predict", str(source), "--model", str(tmp_path / "exported")]
    recall = archive.calibration.right[0] / archive.calibration.gold / 2
    main([*command, "-o", str(tmp_path / "chosen.jsonl"), "--min-recall", str(recall)])
    least = archive.calibration.min_score(min_recall=recall)
    main([*command, "-o", str(tmp_path / "given.jsonl"), "--min-score", str(least)])
    assert (tmp_path / "chosen.jsonl").read_text() == (tmp_path / "given.jsonl").read_text()
    for options, message in (
        (["--min-recall", "1"], "--min-recall must be at most 0"),
        (["--min-recall", "0.1", "--min-score", "0.5"], "--min-score must not be given"),
    ):
        with pytest.raises(SystemExit) as exit:
            main([*command, *options])
        assert message in f"{exit.value.code}{capsys.readouterr().err}"


@pytest.mark.trains
def test_a_precision_or_a_recall_chooses_the_threshold(calibrated: Path) -> None:
    archive = str(calibrated / "model.tar.gz")
    kept = SEPTPredictor.from_path(archive).calibration
    recall = kept.right[0] / kept.gold
    chosen = SEPTPredictor.from_path(archive, min_recall=recall / 2)
    assert chosen.decoding.min_score == kept.min_score(min_recall=recall / 2) > 0
    with pytest.raises(ConfigurationError, match="min_recall must be at most 0.*got 1.0"):
        SEPTPredictor.from_path(archive, min_recall=1.0)


def test_another_model_is_refused(tmp_path: Path) -> None:
    overrides = {"trainer.callbacks": ["calibrate_scores"]}
    config = experiment(overrides, "span_filter_light.jsonnet")
    with pytest.raises(ConfigurationError, match="needs a model that scores spans"):
        train_model(config, str(tmp_path / "run"))


@pytest.mark.trains
@pytest.mark.parametrize("config", ["sept_minilm.jsonnet", "sept_minilm_few.jsonnet"])
def test_without_validation_data_a_configuration_trains_and_scores_stay(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overrides: Dict[str, Any] = {"validation_data_path": None, "data_loader.batches_per_epoch": 2}
    callbacks = experiment(overrides, config).as_dict()["trainer"]["callbacks"]
    overrides["trainer.callbacks"] = [*callbacks, "calibrate_scores"]
    train_model(experiment(overrides, config), str(tmp_path / "run"))
    assert "Without 'validation_data_path', scores are not calibrated." in capsys.readouterr().err
    archive = load_archive(tmp_path / "run" / "model.tar.gz")
    assert archive.model.calibration.get() == ScoreCalibration().get()
