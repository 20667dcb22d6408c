import json
import shutil
from pathlib import Path

import pytest
from allennlp.commands.evaluate import evaluate_from_archive
from allennlp.commands.train import train_model
from allennlp.common import cached_transformers
from allennlp.predictors import Predictor

from tests.experiments import FIXTURES, experiment

TEXT = "We use a parser for parsing ( quickly ) ."


def test_an_archive_needs_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = tmp_path / "encoder"
    shutil.copytree(FIXTURES / "tiny_encoder", encoder)
    params = experiment(
        {
            "dataset_reader.token_indexers.tokens.model_name": str(encoder),
            "model.text_field_embedder.token_embedders.tokens.model_name": str(encoder),
            "trainer.num_epochs": 1,
        }
    )
    run = tmp_path / "run"
    train_model(params, str(run))
    metrics = json.loads((run / "metrics.json").read_text())
    before = Predictor.from_path(str(run / "model.tar.gz")).predict_json({"text": TEXT})

    # Another machine: the archive alone, no encoder's folder, no hub, no cache of either.
    archive = tmp_path / "elsewhere" / "model.tar.gz"
    archive.parent.mkdir()
    shutil.move(str(run / "model.tar.gz"), archive)
    shutil.rmtree(encoder)
    shutil.rmtree(run)
    cached_transformers._clear_caches()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    dev = str(FIXTURES / "abstracts" / "dev.json")
    assert evaluate_from_archive(archive, dev)["f1"] == metrics["best_validation_f1"]
    after = Predictor.from_path(str(archive)).predict_json({"text": TEXT})
    assert after == before
    assert [word for sentence in after["sentences"] for word in sentence] == TEXT.split()
