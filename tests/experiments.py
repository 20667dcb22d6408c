"""The shipped configurations, pointed at the fixtures and made small."""

import json
import os
from pathlib import Path
from typing import Any, Dict, Optional

from allennlp.common import Params

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
    "SEPT_DEVICE": "-1",
}

SMALL_FEEDFORWARD = {"num_layers": 1, "hidden_dims": 8, "activations": "relu"}
SMALL: Dict[str, Any] = {
    "trainer.num_epochs": 2,
    "trainer.patience": None,
    "data_loader.batch_size": 4,
}

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
    """The configuration with the tiny encoder and the data in the fixtures."""
    variables = {**os.environ, **ENVIRONMENT}
    small = dict(SMALL)
    for part in Params.from_file(str(CONFIGS / config), ext_vars=variables)["model"].as_dict():
        if part.endswith("feedforward"):
            small[f"model.{part}"] = SMALL_FEEDFORWARD
    return Params.from_file(
        str(CONFIGS / config),
        params_overrides=json.dumps({**small, **(overrides or {})}),
        ext_vars=variables,
    )
