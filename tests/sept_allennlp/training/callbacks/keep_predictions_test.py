import json
from pathlib import Path

import pytest
from allennlp.commands.train import train_model
from allennlp.predictors import Predictor

from sept_allennlp.archives import load_archive
from sept_runtime.formats.json_lines import dump_line
from tests.experiments import FIXTURES, QUICK, experiment

pytestmark = pytest.mark.trains

DEV = FIXTURES / "abstracts" / "dev.json"


def test_the_predictions_of_the_archives_weights_are_kept(tmp_path: Path) -> None:
    overrides = {
        "trainer.num_epochs": 3,
        "trainer.optimizer.lr": 0.01,
        "trainer.moving_average": None,
        # The loss falls, so by this metric the first epoch is the best.
        "trainer.validation_metric": "+loss",
    }
    run = tmp_path / "run"
    train_model(experiment(overrides), str(run))
    assert json.loads((run / "metrics.json").read_text())["best_epoch"] == 0
    kept = [json.loads(line) for line in (run / "validation_predictions.jsonl").open()]
    assert any(document["entities"] for document in kept)
    gold = [json.loads(line) for line in DEV.open()]
    assert [(d["doc_key"], d.pop("ner")) for d in kept] == [(d["doc_key"], d["ner"]) for d in gold]
    assert [d.pop("gold_relations") for d in kept] == [d["relations"] for d in gold]
    # As the archive predicts them, to the last digits of the scores.
    predictor = Predictor.from_archive(load_archive(run / "model.tar.gz"), "sept")
    instances = list(predictor._dataset_reader.read(str(DEV)))
    expected = [json.loads(dump_line(out)) for out in predictor.predict_batch_instance(instances)]
    for document in expected:
        for entity in document["entities"]:
            entity["score"] = pytest.approx(entity["score"], abs=1e-4)
    assert kept == expected


def test_a_model_without_entities_leaves_no_file(tmp_path: Path) -> None:
    run = tmp_path / "run"
    train_model(experiment(QUICK, "span_filter_light.jsonnet"), str(run))
    assert (run / "metrics.json").exists()
    assert not (run / "validation_predictions.jsonl").exists()
