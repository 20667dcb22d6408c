"""The shipped configurations, pointed at the fixtures and made small."""

import functools
import os
from pathlib import Path
from typing import Any, Dict, Optional

from allennlp.common import Params
from allennlp.common.params import with_overrides

import sept_allennlp  # noqa: F401  registers the parts

ROOT = Path(__file__).parents[1]
FIXTURES = ROOT / "fixtures"
CONFIGS = ROOT / "training_config"

# The tiny encoder, the tiny embeddings and the fixtures' data.
ENVIRONMENT = {
    "SEPT_ENCODER": str(FIXTURES / "tiny_encoder"),
    "SEPT_GLOVE": str(FIXTURES / "tiny_glove.txt"),
    "SEPT_ELMO_OPTIONS": str(FIXTURES / "tiny_elmo" / "options.json"),
    "SEPT_ELMO_WEIGHTS": str(FIXTURES / "tiny_elmo" / "weights.hdf5"),
    "SEPT_DATA": str(FIXTURES / "abstracts"),
    "SEPT_CONLL": str(FIXTURES / "conll"),
    "SEPT_TEXTS": str(FIXTURES / "raw_abstracts.jsonl"),
    "SEPT_DEVICE": "-1",
}

SMALL_FEEDFORWARD = {"num_layers": 1, "hidden_dims": 8, "activations": "relu"}
SMALL: Dict[str, Any] = {
    "trainer.num_epochs": 2,
    "trainer.patience": None,
    "data_loader.batch_size": 4,
}

# Two batches: for what trains, saves and loads, however badly.
QUICK: Dict[str, Any] = {"trainer.num_epochs": 1, "dataset_reader.max_instances": 8}

# Six batches an epoch: for trainings that are interrupted in one.
SIX_BATCHES: Dict[str, Any] = {"dataset_reader.max_instances": 12, "data_loader.batch_size": 2}

# For `crf_glove.jsonnet`: a tagger that finds something after a few dozen steps.
QUICK_TAGGER: Dict[str, Any] = {
    "vocabulary": {},
    "model.text_field_embedder.token_embedders.tokens": {"type": "embedding", "embedding_dim": 16},
    "model.encoder": {"type": "lstm", "hidden_size": 16, "bidirectional": True},
    "model.dropout": 0.0,
    "trainer.num_epochs": 8,
    "trainer.optimizer.lr": 0.03,
}


def experiment(
    overrides: Optional[Dict[str, Any]] = None, config: str = "sept_minilm.jsonnet"
) -> Params:
    """Return the configuration with the tiny encoder and the fixtures' data."""
    return Params(with_overrides(small(_evaluated(config)), overrides or {}))


def small(config: Dict[str, Any]) -> Dict[str, Any]:
    """Return a copy of the configuration with narrow layers that trains briefly."""
    overrides = dict(SMALL)
    # What such a model predicts is mostly wrong, and calibrated scores would all be the same.
    callbacks = config["trainer"].get("callbacks", [])
    overrides["trainer.callbacks"] = [each for each in callbacks if each != "calibrate_scores"]
    if "batches_per_epoch" in config["data_loader"]:
        overrides["data_loader.batches_per_epoch"] = 3
    for part in config["model"]:
        if part.endswith("feedforward"):
            overrides[f"model.{part}"] = SMALL_FEEDFORWARD
        elif part in ("encoder", "context_layer"):
            overrides[f"model.{part}.hidden_size"] = 8
    return with_overrides(config, overrides)


@functools.cache
def _evaluated(config: str) -> Dict[str, Any]:
    # jsonnet takes as long as some of the trainings.
    variables = {**os.environ, **ENVIRONMENT}
    return Params.from_file(str(CONFIGS / config), ext_vars=variables).params
