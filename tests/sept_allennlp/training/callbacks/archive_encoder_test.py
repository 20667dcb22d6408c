import json
import shutil
from pathlib import Path
from typing import Any, Dict

import pytest
from allennlp.commands.evaluate import evaluate_from_archive
from allennlp.commands.train import train_model
from allennlp.common import cached_transformers
from allennlp.predictors import Predictor

from tests.experiments import FIXTURES, QUICK, experiment

pytestmark = pytest.mark.trains

TEXT = "We use a parser for parsing ( quickly ) ."


INDEXER = "dataset_reader.token_indexers.tokens"
EMBEDDER = "model.text_field_embedder.token_embedders.tokens"

# Per configuration which of its settings name which of the fixtures' files.
FILES: Dict[str, Dict[str, str]] = {
    "sept_minilm.jsonnet": {
        f"{INDEXER}.model_name": "tiny_encoder",
        f"{EMBEDDER}.model_name": "tiny_encoder",
    },
    "crf_scibert.jsonnet": {
        f"{INDEXER}.model_name": "tiny_encoder",
        f"{EMBEDDER}.model_name": "tiny_encoder",
    },
    "crf_glove.jsonnet": {
        f"{EMBEDDER}.pretrained_file": "tiny_glove.txt",
        "vocabulary.pretrained_files.tokens": "tiny_glove.txt",
    },
    "crf_elmo.jsonnet": {
        f"{EMBEDDER}.options_file": "tiny_elmo/options.json",
        f"{EMBEDDER}.weight_file": "tiny_elmo/weights.hdf5",
    },
}


@pytest.mark.parametrize("config", FILES)
def test_an_archive_is_self_contained(
    config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretrained = tmp_path / "pretrained"
    shutil.copytree(FIXTURES, pretrained)
    overrides: Dict[str, Any] = {
        name: str(pretrained / path) for name, path in FILES[config].items()
    }
    overrides.update({**QUICK, "trainer.optimizer.lr": 0.03})
    params = experiment(overrides, config)
    run = tmp_path / "run"
    train_model(params, str(run))
    metrics = json.loads((run / "metrics.json").read_text())
    before = Predictor.from_path(str(run / "model.tar.gz")).predict_json({"text": TEXT})

    # Another machine: the archive alone, no encoder's folder, no hub, no cache of either.
    archive = tmp_path / "elsewhere" / "model.tar.gz"
    archive.parent.mkdir()
    shutil.move(str(run / "model.tar.gz"), archive)
    shutil.rmtree(pretrained)
    shutil.rmtree(run)
    cached_transformers._clear_caches()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    dev = str(FIXTURES / "abstracts" / "dev.json")
    evaluated = evaluate_from_archive(archive, dev)
    assert evaluated["f1"] == metrics["best_validation_f1"]
    assert evaluated["loss"] == pytest.approx(metrics["best_validation_loss"])
    after = Predictor.from_path(str(archive)).predict_json({"text": TEXT})
    assert after == before
    assert [word for sentence in after["sentences"] for word in sentence] == TEXT.split()
