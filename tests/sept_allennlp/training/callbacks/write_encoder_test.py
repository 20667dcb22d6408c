import json
from pathlib import Path
from typing import Any, Callable, Dict

import pytest
import torch
from allennlp.commands.train import train_model
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from transformers import AutoModel

from sept_allennlp.modules.token_embedders import WordPieceEmbedder
from tests.conftest import TINY_ENCODER
from tests.encoders import FAMILIES
from tests.experiments import QUICK, experiment

pytestmark = pytest.mark.trains

SHORT: Dict[str, Any] = {"dataset_reader.block_length": 32}


def configuration(**overrides: Any) -> Params:
    return experiment({**SHORT, **overrides}, "masked_language_model.jsonnet")


def table(folder: Path) -> torch.Tensor:
    return AutoModel.from_pretrained(str(folder)).get_input_embeddings().weight


def test_an_encoder_learns_masked_pieces_and_can_be_used_by_sept(tmp_path: Path) -> None:
    learning = {"trainer.num_epochs": 12, "trainer.optimizer.lr": 0.01}
    train_model(configuration(**learning), str(tmp_path / "adapted"))
    perplexities = [
        json.loads((tmp_path / "adapted" / f"metrics_epoch_{epoch}.json").read_text())[
            "training_perplexity"
        ]
        for epoch in (0, 11)
    ]
    assert perplexities[1] < 0.8 * perplexities[0]
    encoder = tmp_path / "adapted" / "encoder"
    assert not torch.equal(table(encoder), table(TINY_ENCODER))

    # SEPT takes it as any other.
    embedder = WordPieceEmbedder(str(encoder))
    assert torch.equal(embedder.transformer_model.get_input_embeddings().weight, table(encoder))


@pytest.mark.parametrize("name", ["ALBERT", "DistilBERT", "ModernBERT", "MPNet", "RoBERTa"])
def test_encoders_with_biases_before_normalizations_are_adapted(name: str, tmp_path: Path) -> None:
    # The configuration as it stands, but for the encoder and the number of passes.
    encoder = FAMILIES[name].write(tmp_path / "tiny")
    overrides = {
        "dataset_reader.model_name": encoder,
        "model.model_name": encoder,
        "data_loader.collate_fn.model_name": encoder,
        "trainer.num_epochs": 1,
    }
    train_model(configuration(**overrides), str(tmp_path / "adapted"))
    adapted = table(tmp_path / "adapted" / "encoder")
    assert adapted.size() == table(Path(encoder)).size()
    assert not torch.equal(adapted, table(Path(encoder)))


def test_a_recovered_run_equals_an_undisturbed_one(
    tmp_path: Path, train_once: Callable[..., str]
) -> None:
    epochs = {**SHORT, "trainer.num_epochs": 3}
    undisturbed = Path(train_once("adapted", epochs, "masked_language_model.jsonnet")).parent
    interruption = {"type": "interrupt_in_a_test", "epoch": 1, "batch": 3, "by": "ctrl-c"}
    interrupted = configuration(**epochs).as_dict()
    interrupted["trainer"]["callbacks"].append(interruption)
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train_model(Params(interrupted), str(run))
    assert not (run / "encoder").exists()
    (run / "config.json").write_text(json.dumps(configuration(**epochs).as_dict()))
    train_model(configuration(**epochs), str(run), recover=True)
    weights = [torch.load(folder / "best.th") for folder in (run, undisturbed)]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert torch.equal(table(run / "encoder"), table(undisturbed / "encoder"))


def test_another_model_is_refused_before_it_is_trained(tmp_path: Path) -> None:
    params = experiment({**QUICK, "trainer.callbacks": ["write_encoder"]})
    with pytest.raises(ConfigurationError, match="for models of type 'masked_lm'"):
        train_model(params, str(tmp_path / "run"))
    assert not (tmp_path / "run" / "metrics_epoch_0.json").exists()
