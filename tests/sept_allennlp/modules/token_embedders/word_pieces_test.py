import shutil
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.modules.token_embedders import TokenEmbedder
from transformers import AutoModel, DistilBertConfig, DistilBertModel, XLNetConfig

from sept_allennlp.modules.bfloat16 import bfloat16_encoders
from sept_allennlp.modules.token_embedders import WordPieceEmbedder
from tests.conftest import TINY_ENCODER

CLS, SEP = 2, 3
# The tiny encoder takes 64 pieces, these two among them.
CONTENT = 62
DIM = 16
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


@pytest.fixture(scope="module")
def bare_encoder() -> torch.nn.Module:
    return AutoModel.from_pretrained(str(TINY_ENCODER)).eval()


def embedder(**parameters: Any) -> WordPieceEmbedder:
    return WordPieceEmbedder(str(TINY_ENCODER), **parameters).eval()


def random_document(num_pieces: int, seed: int = 0) -> List[int]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(5, 233, (num_pieces,), generator=generator).tolist()


def batch_of(*documents: List[int], length: Optional[int] = None) -> Dict[str, torch.Tensor]:
    """Return a batch as of the `word_pieces` indexer, with one piece for each word."""
    length = length or max(map(len, documents))
    mask = torch.tensor(
        [[True] * len(pieces) + [False] * (length - len(pieces)) for pieces in documents],
        dtype=torch.bool,
    ).view(len(documents), length)
    token_ids = torch.zeros(len(documents), length, dtype=torch.long)
    for row, pieces in zip(token_ids, documents, strict=True):
        row[: len(pieces)] = torch.tensor(pieces, dtype=torch.long)
    places = torch.arange(length).view(1, -1, 1).expand(len(documents), -1, 2)
    return {
        "token_ids": token_ids,
        "mask": mask,
        "wordpiece_mask": mask,
        "piece_offsets": places * mask.unsqueeze(-1),
    }


def embed(embedder: WordPieceEmbedder, *documents: List[int], **padding: int) -> torch.Tensor:
    with torch.no_grad():
        return embedder(**batch_of(*documents, **padding))


def encode_alone(bare_encoder: torch.nn.Module, pieces: List[int]) -> torch.Tensor:
    """Shape: (num_pieces, dim); one call of the encoder for this sequence alone."""
    with torch.no_grad():
        outputs = bare_encoder(input_ids=torch.tensor([[CLS, *pieces, SEP]]))
    return outputs.last_hidden_state[0, 1:-1]


def encode_by_hand(
    bare_encoder: torch.nn.Module, pieces: List[int], content: int, overlap: int
) -> torch.Tensor:
    """One window at a time; each piece from the one where it is farthest from both ends."""
    starts = [0]
    while starts[-1] + content < len(pieces):
        starts.append(min(starts[-1] + content - overlap, len(pieces) - content))
    encoded = [encode_alone(bare_encoder, pieces[start : start + content]) for start in starts]
    chosen = []
    for place in range(len(pieces)):
        context = {
            window: min(place - start, start + content - 1 - place)
            for window, start in enumerate(starts)
            if start <= place < start + content
        }
        # Of two as good the later.
        best = max(context, key=lambda window: (context[window], window))
        chosen.append(encoded[best][place - starts[best]])
    return torch.stack(chosen)


@pytest.mark.parametrize("num_pieces", [1, 7, CONTENT])
def test_a_document_of_one_window_is_embedded_as_the_bare_encoder_does(num_pieces, bare_encoder):
    pieces = random_document(num_pieces)
    embedded = embed(embedder(), pieces)
    assert embedded.shape == (1, num_pieces, DIM)
    torch.testing.assert_close(embedded[0], encode_alone(bare_encoder, pieces))


@pytest.mark.parametrize("num_pieces", [CONTENT + 1, 76, 77, 109, 110, 200, 333])
def test_each_piece_of_a_long_document_is_taken_from_its_best_window(num_pieces, bare_encoder):
    pieces = random_document(num_pieces)
    by_hand = encode_by_hand(bare_encoder, pieces, CONTENT, overlap=CONTENT // 4)
    torch.testing.assert_close(embed(embedder(), pieces)[0], by_hand, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("max_length, overlap", [(12, 0), (12, 1), (12, 5), (12, 9), (3, 0)])
def test_windows_of_other_sizes(max_length, overlap, bare_encoder):
    windowed = embedder(max_length=max_length, overlap=overlap)
    for num_pieces in (1, 9, 10, 11, 12, 19, 30, 37):
        pieces = random_document(num_pieces)
        by_hand = encode_by_hand(bare_encoder, pieces, max_length - 2, overlap)
        torch.testing.assert_close(embed(windowed, pieces)[0], by_hand, atol=1e-5, rtol=1e-5)


def test_the_embeddings_of_a_long_document_depend_on_their_window(bare_encoder):
    # Were they the same whichever window they come from, the two tests above would say nothing.
    pieces = random_document(20)
    windowed = encode_by_hand(bare_encoder, pieces, content=10, overlap=5)
    assert (windowed - encode_alone(bare_encoder, pieces)).abs().amax(dim=1).min() > 1e-3


def test_embeddings_do_not_depend_on_the_batch():
    documents = [random_document(length, seed=length) for length in (150, 5, 62, 63, 1, 100, 300)]
    windowed = embedder()
    together = embed(windowed, *documents)
    for row, pieces in zip(together, documents, strict=True):
        alone = embed(windowed, pieces)[0]
        torch.testing.assert_close(row[: len(pieces)], alone, atol=1e-5, rtol=0)
        padded = embed(windowed, pieces, length=310)[0]
        torch.testing.assert_close(padded[: len(pieces)], alone, atol=1e-5, rtol=0)


def test_the_number_of_windows_encoded_at_once_changes_nothing():
    documents = [random_document(300), random_document(90, seed=1)]
    torch.testing.assert_close(
        embed(embedder(windows_at_once=1), *documents), embed(embedder(), *documents)
    )


def test_documents_without_pieces():
    windowed = embedder()
    assert embed(windowed, [], []).shape == (2, 0, DIM)
    for length in (5, 100):
        pieces = random_document(length)
        together = embed(windowed, [], pieces)
        assert together.shape == (2, length, DIM)
        assert together.isfinite().all()
        torch.testing.assert_close(together[1], embed(windowed, pieces)[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("num_pieces", [10, 150])
@pytest.mark.parametrize("gradient_checkpointing", [False, True])
def test_gradients_reach_every_weight_of_the_encoder(num_pieces, gradient_checkpointing):
    trained = embedder(gradient_checkpointing=gradient_checkpointing).train()
    trained(**batch_of(random_document(num_pieces), random_document(4))).sum(dim=1).pow(
        2
    ).sum().backward()
    without = [name for name, weight in trained.named_parameters() if weight.grad is None]
    assert without == []
    assert trained.transformer_model.embeddings.word_embeddings.weight.grad.abs().sum() > 0


def test_gradient_checkpointing_changes_no_gradient():
    gradients = []
    for gradient_checkpointing in (False, True):
        trained = embedder(
            gradient_checkpointing=gradient_checkpointing, transformer_kwargs=NO_DROPOUT
        ).train()
        trained(**batch_of(random_document(150))).pow(3).sum().backward()
        gradients.append([weight.grad for weight in trained.parameters()])
    torch.testing.assert_close(*gradients)


def test_attention_dropout_can_be_turned_off():
    document = batch_of(random_document(30))

    def varies(**parameters: Any) -> bool:
        rest = {"hidden_dropout_prob": 0.0}
        trained = embedder(transformer_kwargs=rest, **parameters).train()
        return not torch.equal(trained(**document), trained(**document))

    assert varies() and varies(attention_dropout=0.5)
    assert not varies(attention_dropout=0.0)


def test_attention_dropout_by_other_names(tmp_path: Path) -> None:
    shutil.copytree(TINY_ENCODER, tmp_path, dirs_exist_ok=True)
    size = {"dim": DIM, "hidden_dim": 32, "n_layers": 1, "n_heads": 2, "vocab_size": 233}
    DistilBertModel(DistilBertConfig(**size)).save_pretrained(tmp_path)
    distilled = WordPieceEmbedder(str(tmp_path), attention_dropout=0.3)
    assert distilled.transformer_model.config.attention_dropout == 0.3
    XLNetConfig().save_pretrained(tmp_path)
    with pytest.raises(
        ConfigurationError, match="type xlnet has neither .*; set attention_dropout to"
    ):
        WordPieceEmbedder(str(tmp_path), attention_dropout=0.3)


def test_an_encoder_that_is_not_trained_is_frozen():
    frozen = embedder(train_parameters=False).train()
    assert not any(weight.requires_grad for weight in frozen.parameters())
    assert not frozen(**batch_of(random_document(80))).requires_grad


def test_every_embedder_has_its_own_weights():
    changed, other = embedder(), embedder()
    pieces = random_document(5)
    before = embed(other, pieces)
    with torch.no_grad():
        changed.transformer_model.embeddings.word_embeddings.weight.zero_()
    assert embed(other, pieces).equal(before)
    assert not embed(changed, pieces).equal(before)


@pytest.mark.parametrize(
    "parameters",
    [
        {"max_length": 2},
        {"max_length": 1},
        {"max_length": 12, "overlap": 10},
        {"max_length": 12, "overlap": 11},
        {"max_length": 12, "overlap": -1},
    ],
)
def test_impossible_overlaps_of_windows_are_refused(parameters):
    with pytest.raises(ConfigurationError, match="overlap"):
        embedder(**parameters)


def test_zero_windows_at_once_are_refused():
    with pytest.raises(ConfigurationError, match="windows_at_once"):
        embedder(windows_at_once=0)


def test_windows_longer_than_the_encoder_takes_are_refused():
    with pytest.raises(ConfigurationError, match="64"):
        embedder(max_length=65)
    assert embed(embedder(max_length=64), random_document(100)).shape == (1, 100, DIM)


def test_is_registered(tiny_encoder):
    parameters = Params({"type": "word_pieces", "model_name": tiny_encoder})
    registered = TokenEmbedder.from_params(parameters)
    assert isinstance(registered, WordPieceEmbedder)
    assert registered.get_output_dim() == DIM


def test_bfloat16_is_used_on_request() -> None:
    encoder = embedder()
    document = random_document(100)
    expected = embed(encoder, document)
    with bfloat16_encoders():
        rounded = embed(encoder, document)
    # Eight bits of mantissa, and yet a float32, which what comes next adds up and compares.
    assert rounded.dtype == torch.float32
    error = (rounded - expected).norm() / expected.norm()
    assert 1e-4 < error < 2e-2
    assert torch.equal(embed(encoder, document), expected)
