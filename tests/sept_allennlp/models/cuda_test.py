import json
from pathlib import Path
from typing import Any, Dict

import pytest
import torch
from allennlp.commands.train import train_model
from allennlp.predictors import Predictor

from sept_allennlp.archives import load_archive
from sept_allennlp.modules.bfloat16 import has_bfloat16
from tests.experiments import experiment

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.mark.parametrize("trainer", [{}, {"use_amp": True}, {"type": "bfloat16"}], ids=str)
@pytest.mark.parametrize(
    "config", ["sept_minilm.jsonnet", "sept_minilm_relations.jsonnet", "crf_scibert.jsonnet"]
)
def test_training_and_prediction_on_a_gpu(
    tmp_path: Path, config: str, trainer: Dict[str, Any]
) -> None:
    overrides = {f"trainer.{key}": value for key, value in {"cuda_device": 0, **trainer}.items()}
    if trainer.get("type") == "bfloat16" and not has_bfloat16(torch.device("cuda")):
        pytest.skip("needs a GPU with bfloat16")
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


def test_prediction_in_bfloat16_on_a_gpu(trained_archive: str) -> None:
    if not has_bfloat16(torch.device("cuda")):
        pytest.skip("needs a GPU with bfloat16")
    probabilities = []
    for precision in ("float32", "bfloat16"):
        archive = load_archive(trained_archive, cuda_device=0)
        options = {"precision": precision, "soft_labels": 0.0}
        predictor = Predictor.from_archive(archive, extra_args=options)
        output = predictor.predict_json({"text": "We use a parser for parsing."})
        spans = [span for sentence in output["soft_ner"] for span in sentence]
        probabilities.append([labels for _, _, labels in spans])
    exact, rounded = probabilities
    assert exact != rounded
    for one, other in zip(exact, rounded, strict=True):
        assert one == pytest.approx(other, abs=0.02)
