import json
import os
import tarfile
from pathlib import Path
from typing import Any, Dict

import pytest
from allennlp.commands.train import train_model
from allennlp.common import Params
from allennlp.data import DatasetReader

from sept_allennlp.config_defaults import DEFAULTS, set_config_defaults
from tests.experiments import CONFIGS, FIXTURES, experiment

NAMES = sorted(path.name for path in CONFIGS.glob("*.jsonnet"))


def evaluated(name: str, **environment: str) -> Dict[str, Any]:
    """A configuration as jsonnet gives it in an environment."""
    variables = {k: v for k, v in os.environ.items() if k not in DEFAULTS}
    variables.update(environment)
    set_config_defaults(variables)
    return Params.from_file(str(CONFIGS / name), ext_vars=variables).as_dict()


def test_there_are_configurations() -> None:
    assert "sept.jsonnet" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_configuration_trains(name: str, tmp_path: Path) -> None:
    params = experiment({"trainer.num_epochs": 1}, config=name)
    train_model(params, str(tmp_path / "run"))
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert {"best_validation_f1", "best_validation_recall-Method"} <= metrics.keys()


def test_the_published_run_is_the_default() -> None:
    config = evaluated("sept.jsonnet")
    encoder = "allenai/scibert_scivocab_uncased"
    assert config["dataset_reader"]["token_indexers"]["tokens"]["model_name"] == encoder
    embedders = config["model"]["text_field_embedder"]["token_embedders"]
    assert embedders["tokens"]["model_name"] == encoder
    assert config["train_data_path"] == (
        "http://nlp.cs.washington.edu/sciIE/data/sciERC_processed.tar.gz"
        "!processed_data/json/train.json"
    )
    assert config["model"]["span_sampler"] == {"type": "random_negatives", "num_negatives": 250}
    assert config["model"]["feedforward"]["num_layers"] == 3
    assert config["model"]["feedforward"]["hidden_dims"] == 500
    assert config["trainer"]["optimizer"] == {"type": "adam", "lr": 2e-5}
    assert config["data_loader"]["batch_size"] == 5
    assert config["trainer"]["num_epochs"] == 150
    assert config["trainer"]["patience"] == 10
    assert config["trainer"]["grad_norm"] == 5.0
    assert "cuda_device" not in config["trainer"]


@pytest.mark.parametrize("name", NAMES)
def test_the_environment_points_every_configuration_elsewhere(name: str) -> None:
    config = evaluated(
        name,
        SEPT_ENCODER="an/encoder",
        SEPT_GLOVE="vectors.txt",
        SEPT_ELMO_OPTIONS="options.json",
        SEPT_ELMO_WEIGHTS="weights.hdf5",
        SEPT_DATA="a/folder",
        SEPT_SEED="7",
        SEPT_DEVICE="1",
    )
    assert config["train_data_path"] == "a/folder/train.json"
    assert config["validation_data_path"] == "a/folder/dev.json"
    seeds = [config[f"{kind}_seed"] for kind in ("random", "numpy", "pytorch")]
    assert seeds == [7, 7, 7]
    assert config["trainer"]["cuda_device"] == 1
    embedder = config["model"]["text_field_embedder"]["token_embedders"]["tokens"]
    assert {
        "word_pieces": {"model_name": "an/encoder"},
        "pooled_word_pieces": {"model_name": "an/encoder"},
        "embedding": {"pretrained_file": "vectors.txt"},
        "elmo": {"options_file": "options.json", "weight_file": "weights.hdf5"},
    }[embedder["type"]].items() <= embedder.items()


def test_the_published_taggers_are_the_defaults() -> None:
    optimizers = {"glove": 2e-3, "elmo": 2e-3, "scibert": 5e-5}
    batches = {"glove": 20, "elmo": 20, "scibert": 5}
    for name, lr in optimizers.items():
        config = evaluated(f"crf_{name}.jsonnet")
        assert config["model"]["type"] == "strict_crf_tagger"
        encoder = config["model"]["encoder"]
        assert (encoder["num_layers"], encoder["hidden_size"], encoder["dropout"]) == (2, 200, 0.5)
        assert config["model"]["dropout"] == 0.5
        assert config["trainer"]["optimizer"] == {"type": "adam", "lr": lr}
        assert config["data_loader"]["batch_size"] == batches[name]
        assert config["trainer"]["validation_metric"] == "+f1"
        assert (config["trainer"]["num_epochs"], config["trainer"]["patience"]) == (150, 10)


def test_an_empty_variable_counts_as_none() -> None:
    environment = {"SEPT_SEED": "", "SEPT_DATA": "mine"}
    set_config_defaults(environment)
    assert environment["SEPT_SEED"] == DEFAULTS["SEPT_SEED"]
    assert environment["SEPT_DATA"] == "mine"


def test_data_may_lie_in_an_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "data.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(FIXTURES / "abstracts", arcname="processed_data/json")
    reader = DatasetReader.from_params(experiment().pop("dataset_reader"))
    instances = list(reader.read(f"{archive}!processed_data/json/dev.json"))
    assert len(instances) == 8
