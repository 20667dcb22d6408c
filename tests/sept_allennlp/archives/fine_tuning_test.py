"""Models that are made from the archives of others, which their own archives do without."""

import json
import shutil
from pathlib import Path
from typing import Any, Callable, Dict

import pytest
import torch
from allennlp.commands.evaluate import evaluate_from_archive
from allennlp.commands.train import train_model
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.predictors import Predictor

from sept_allennlp.archives import ArchiveError, load_archive
from sept_allennlp.modules.token_embedders import WordPieceEmbedder
from tests.experiments import FIXTURES, QUICK, experiment

pytestmark = pytest.mark.trains

TEXT = {"text": "We train a parser on many abstracts (quickly)."}
DEV = str(FIXTURES / "abstracts" / "dev.json")


@pytest.fixture
def first(trained_archive: str, tmp_path: Path) -> Path:
    """Return a copy of the trained archive, which the test may remove."""
    return Path(shutil.copy(trained_archive, tmp_path / "first.tar.gz"))


def assert_stands_alone(run: Path, *removed: Path) -> Predictor:
    """Check that the archive evaluates and predicts as the run did after the others are removed."""
    metrics = json.loads((run / "metrics.json").read_text())
    before = Predictor.from_path(str(run / "model.tar.gz")).predict_json(TEXT)
    for path in removed:
        path.unlink()
    elsewhere = run.parent / "elsewhere.tar.gz"
    shutil.copy(run / "model.tar.gz", elsewhere)
    # Without the name of a predictor.
    predictor = Predictor.from_path(str(elsewhere))
    assert predictor.predict_json(TEXT) == before
    assert "entities" in before
    evaluated = evaluate_from_archive(elsewhere, DEV)
    assert evaluated["f1"] == metrics["best_validation_f1"]
    return predictor


def from_archive(archive: Path) -> Any:
    params = experiment(QUICK).as_dict()
    params["model"] = {"type": "from_archive", "archive_file": str(archive)}
    return Params(params)


def test_a_model_is_fine_tuned_from_an_archive(first: Path, tmp_path: Path) -> None:
    start = load_archive(first).model.state_dict()
    train_model(from_archive(first), str(tmp_path / "run"))
    predictor = assert_stands_alone(tmp_path / "run", first)
    trained = predictor._model.state_dict()
    assert trained.keys() == start.keys()
    # A little training changes a little, and everything that is trained.
    # The sampler counts its steps.
    floats = [name for name in start if start[name].dtype == torch.float32 and "_steps" not in name]
    changes = [(trained[name] - start[name]).abs().max() for name in floats]
    assert 0 < max(changes) < 0.5
    archive = load_archive(tmp_path / "elsewhere.tar.gz")
    assert archive.config["model"]["type"] == "sept"


def test_a_fine_tuned_model_is_fine_tuned_again(first: Path, tmp_path: Path) -> None:
    train_model(from_archive(first), str(tmp_path / "second"))
    second = tmp_path / "second" / "model.tar.gz"
    train_model(from_archive(second), str(tmp_path / "third"))
    assert_stands_alone(tmp_path / "third", first, second)


@pytest.mark.parametrize(
    "part, module_path",
    [
        ("text_field_embedder", "_embedder"),
        ("span_extractor", "_span_extractor"),
        ("feedforward", "_feedforward"),
    ],
)
def test_a_part_of_another_model(first: Path, tmp_path: Path, part: str, module_path: str) -> None:
    source = dict(load_archive(first).model.named_modules())[module_path].state_dict()
    given = {"archive_file": str(first), "module_path": module_path, "freeze": True}
    overrides: Dict[str, Any] = {**QUICK, f"model.{part}": {"_pretrained": given}}
    train_model(experiment(overrides), str(tmp_path / "run"))
    predictor = assert_stands_alone(tmp_path / "run", first)
    found = dict(predictor._model.named_modules())[module_path].state_dict()
    # It was frozen.
    assert all(torch.equal(found[name], source[name]) for name in source)


def test_an_archive_that_lacks_its_parts_is_refused(first: Path, tmp_path: Path) -> None:
    params = from_archive(first)
    params["trainer"]["callbacks"] = []
    train_model(params, str(tmp_path / "run"))
    with pytest.raises(ArchiveError, match="callback 'archive_encoder'"):
        load_archive(tmp_path / "run" / "model.tar.gz")


@pytest.mark.parametrize("source", ["archive", "folder"])
def test_training_starts_from_the_encoder_of_an_archive(
    trained_archive: str, tmp_path: Path, source: str
) -> None:
    run = Path(shutil.copytree(Path(trained_archive).parent, tmp_path / "first"))
    encoder = str(run / "model.tar.gz" if source == "archive" else run)
    started = WordPieceEmbedder(encoder).transformer_model.state_dict()
    expected = load_archive(trained_archive).model.state_dict()
    prefix = "_embedder.token_embedder_tokens.transformer_model."
    assert len(started) > 20
    assert all(torch.equal(started[name], expected[prefix + name]) for name in started)

    # New labels get a new head.
    data = tmp_path / "data.json"
    document = {"sentences": [["We", "train", "a", "parser", "."]], "ner": [[[3, 3, "Tool"]]]}
    data.write_text(json.dumps({"doc_key": "a", **document}) + "\n")
    embedder = "model.text_field_embedder.token_embedders.tokens"
    overrides = {
        **QUICK,
        "dataset_reader.token_indexers.tokens.model_name": encoder,
        f"{embedder}.model_name": encoder,
        "train_data_path": str(data),
        "validation_data_path": str(data),
    }
    train_model(experiment(overrides), str(tmp_path / "second"))
    shutil.rmtree(run)
    predictor = Predictor.from_path(str(tmp_path / "second" / "model.tar.gz"))
    assert predictor.labels == ["Tool"]
    assert "entities" in predictor.predict_json(TEXT)


def test_a_model_without_an_encoder_writes_no_encoder(
    train_once: Callable[..., str], tmp_path: Path
) -> None:
    archive = train_once("elmo_tagger", QUICK, "crf_elmo.jsonnet")
    with pytest.raises(ConfigurationError, match="the archive has 0 pre-trained encoders"):
        WordPieceEmbedder(archive)
