from pathlib import Path
from typing import Any

import pytest
import torch
from allennlp.data import Vocabulary
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer

from sept_allennlp.models import MaskedLanguageModel
from sept_allennlp.modules.bfloat16 import bfloat16_encoders
from tests.conftest import TINY_ENCODER

PIECES = torch.tensor([[2, 40, 4, 41, 3], [2, 4, 42, 43, 3]])
TARGETS = torch.tensor([[-100, -100, 50, 41, -100], [-100, 60, -100, -100, -100]])


def model(**kwargs: Any) -> MaskedLanguageModel:
    torch.manual_seed(1)
    return MaskedLanguageModel(Vocabulary.empty(), str(TINY_ENCODER), **kwargs)


def test_the_loss_is_that_of_transformers() -> None:
    ours = model().eval()
    expected = ours.network(input_ids=PIECES, labels=TARGETS).loss
    loss = ours(PIECES, TARGETS)["loss"]
    assert loss.item() == pytest.approx(expected.item(), abs=1e-6)
    assert ours.get_metrics(reset=True)["perplexity"] == pytest.approx(loss.exp().item(), rel=1e-5)


def test_the_loss_without_masked_pieces_is_zero() -> None:
    loss = model()(PIECES, torch.full_like(TARGETS, -100))["loss"]
    loss.backward()
    assert loss.item() == 0


def test_it_can_compute_in_bfloat16() -> None:
    ours = model().eval()
    expected = ours(PIECES, TARGETS)["loss"].item()
    with bfloat16_encoders():
        loss = ours(PIECES, TARGETS)["loss"].item()
    assert loss != expected
    assert loss == pytest.approx(expected, rel=0.01)


def test_dropout_is_the_configurations_and_not_the_written_encoders(tmp_path: Path) -> None:
    ours = model(dropout=0.0).train()
    assert ours(PIECES, TARGETS)["loss"].item() == ours(PIECES, TARGETS)["loss"].item()
    ours.write_encoder(str(tmp_path))
    config = AutoModel.from_pretrained(str(tmp_path)).config
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob) == (0.1, 0.1)


def test_the_written_encoder_is_the_adapted_one(tmp_path: Path) -> None:
    ours = model().eval()
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.add_(0.01)
    ours.write_encoder(str(tmp_path))

    original, written = (AutoModel.from_pretrained(str(f)).eval() for f in (TINY_ENCODER, tmp_path))
    adapted = ours.network.base_model(input_ids=PIECES)[0]
    assert torch.equal(written(input_ids=PIECES)[0], adapted)
    assert not torch.equal(original(input_ids=PIECES)[0], adapted)
    # What has not learned anything is what it was.
    assert torch.equal(written.pooler.dense.weight, original.pooler.dense.weight)
    text = "We evaluate parsers."
    tokenizers = [AutoTokenizer.from_pretrained(str(folder)) for folder in (TINY_ENCODER, tmp_path)]
    assert tokenizers[0](text) == tokenizers[1](text)
    assert (tmp_path / "vocab.txt").read_text() == (TINY_ENCODER / "vocab.txt").read_text()


def test_a_folder_without_an_encoder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no encoder in this folder"):
        MaskedLanguageModel(Vocabulary.empty(), str(tmp_path))


def test_a_new_head_is_tied_to_the_encoders_embeddings() -> None:
    assert isinstance(model().network, type(AutoModelForMaskedLM.from_pretrained(TINY_ENCODER)))
    network = model().network
    assert network.get_output_embeddings().weight is network.get_input_embeddings().weight
