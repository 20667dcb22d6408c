import json
from pathlib import Path

import pytest
import torch
from allennlp.commands.train import train_model
from allennlp.predictors import Predictor

from sept_allennlp.archives import load_archive
from tests.experiments import experiment

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.mark.parametrize("use_amp", [False, True])
@pytest.mark.parametrize(
    "config", ["sept_minilm.jsonnet", "sept_minilm_relations.jsonnet", "crf_scibert.jsonnet"]
)
def test_training_and_prediction_on_a_gpu(tmp_path: Path, config: str, use_amp: bool) -> None:
    overrides = {"trainer.cuda_device": 0, "trainer.use_amp": use_amp}
    train_model(experiment(overrides, config), str(tmp_path / "run"))
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["best_validation_loss"] > 0
    text = {"text": "We use a parser for parsing."}
    scores = []
    for device in (0, -1):
        archive = load_archive(tmp_path / "run" / "model.tar.gz", cuda_device=device)
        output = Predictor.from_archive(archive).predict_json(text)
        scores.append([entity["score"] for entity in output["entities"]])
    assert scores[0] == pytest.approx(scores[1], abs=1e-3)
