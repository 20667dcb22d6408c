import json
from pathlib import Path
from typing import Any, Dict, List

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import Token, Vocabulary
from allennlp.modules.token_embedders import TokenEmbedder

from sept_allennlp.archives.encoders import PretrainedEncoder
from sept_allennlp.data.token_indexers import WordPieceIndexer
from sept_allennlp.modules.token_embedders import PooledWordPieceEmbedder, WordPieceEmbedder
from tests.conftest import TINY_ENCODER

DIM = 16
POOLINGS = ["first", "mean"]

# "evaluate" has seven pieces, "parsers" two, the others one.
WORDS = ["we", "evaluate", "parsers", "on", "data"]
# Of twice as many pieces as the encoder takes at once, whose windows cut through words.
LONG = WORDS * 10


def embedder(pooling: str, **parameters: Any) -> PooledWordPieceEmbedder:
    return PooledWordPieceEmbedder(str(TINY_ENCODER), pooling=pooling, **parameters).eval()


def batch_of(*documents: List[str]) -> Dict[str, torch.Tensor]:
    indexer = WordPieceIndexer(str(TINY_ENCODER))
    indexed = [
        indexer.tokens_to_indices([Token(word) for word in words], Vocabulary())
        for words in documents
    ]
    lengths = {name: max(len(document[name]) for document in indexed) for name in indexed[0]}
    tensors = [indexer.as_padded_tensor_dict(document, lengths) for document in indexed]
    return {name: torch.stack([document[name] for document in tensors]) for name in lengths}


def embed(model: torch.nn.Module, *documents: List[str]) -> torch.Tensor:
    with torch.no_grad():
        return model(**batch_of(*documents))


def by_hand(words: List[str], pooling: str) -> torch.Tensor:
    """Word by word from the pieces' own embeddings."""
    pieces = embed(WordPieceEmbedder(str(TINY_ENCODER)).eval(), words)[0]
    vectors = []
    for first, last in batch_of(words)["piece_offsets"][0].tolist():
        chosen = pieces[first : last + 1]
        vectors.append(chosen[0] if pooling == "first" else chosen.mean(dim=0))
    return torch.stack(vectors)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("words", [["we"], ["evaluate"], WORDS, LONG], ids=len)
def test_words_by_hand(words: List[str], pooling: str) -> None:
    embedded = embed(embedder(pooling), words)
    assert embedded.shape == (1, len(words), DIM)
    torch.testing.assert_close(embedded[0], by_hand(words, pooling), atol=1e-5, rtol=1e-5)


def test_the_two_poolings_differ_in_words_of_several_pieces() -> None:
    first, mean = (embed(embedder(pooling), WORDS)[0] for pooling in POOLINGS)
    differs = (first - mean).abs().amax(dim=1) > 1e-3
    assert differs.tolist() == [False, True, True, False, False]


@pytest.mark.parametrize("pooling", POOLINGS)
def test_padding_changes_nothing_and_is_zero(pooling: str) -> None:
    documents: List[List[str]] = [WORDS, ["evaluate"], [], LONG, ["data", "parsers"]]
    together = embed(embedder(pooling), *documents)
    assert together.shape == (5, len(LONG), DIM)
    for row, words in zip(together, documents, strict=True):
        if words:
            alone = embed(embedder(pooling), words)[0]
            torch.testing.assert_close(row[: len(words)], alone, atol=1e-5, rtol=1e-5)
        assert row[len(words) :].eq(0).all()


@pytest.mark.parametrize("pooling", POOLINGS)
def test_documents_without_words(pooling: str) -> None:
    assert embed(embedder(pooling), [], []).shape == (2, 0, DIM)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_gradients_reach_the_encoder(pooling: str) -> None:
    trained = embedder(pooling).train()
    trained(**batch_of(LONG, WORDS)).pow(2).sum().backward()
    without = [name for name, weight in trained.named_parameters() if weight.grad is None]
    assert without == []


@pytest.mark.parametrize("pooling", POOLINGS)
def test_an_archived_encoder_embeds_the_same(pooling: str, tmp_path: Path) -> None:
    trained = embedder(pooling)
    with torch.no_grad():
        trained.transformer_model.embeddings.word_embeddings.weight.mul_(1.5)
    PretrainedEncoder(str(TINY_ENCODER)).archive_into(str(tmp_path))
    torch.save(trained.state_dict(), tmp_path / "weights.th")
    parameters = {"type": "pooled_word_pieces", "model_name": str(TINY_ENCODER), "pooling": pooling}
    loaded = TokenEmbedder.from_params(
        Params(json.loads(json.dumps(parameters))), serialization_dir=str(tmp_path)
    )
    assert isinstance(loaded, PooledWordPieceEmbedder)
    loaded.load_state_dict(torch.load(tmp_path / "weights.th"))
    assert loaded.get_output_dim() == DIM
    torch.testing.assert_close(embed(loaded.eval(), LONG), embed(trained, LONG))


def test_another_pooling_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="pooling must be 'first' or 'mean', got 'last'"):
        embedder("last")
