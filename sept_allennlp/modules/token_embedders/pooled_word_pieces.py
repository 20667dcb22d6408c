from typing import Any

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.modules.token_embedders import TokenEmbedder

from sept_allennlp.modules.token_embedders.word_pieces import WordPieceEmbedder


@TokenEmbedder.register("pooled_word_pieces")
class PooledWordPieceEmbedder(WordPieceEmbedder):
    """
    One vector a word from the contextual embeddings of its pieces, for models over words.

    Such are the BIO tagger and SciIE. It embeds what the `word_pieces` token indexer yields.

    Registered as a `TokenEmbedder` with name "pooled_word_pieces".

    # Parameters

    model_name, ... :
        As for `word_pieces`.
    pooling : `str`, optional (default = `"first"`)
        `"first"` takes a word's first piece, as BERT's tagger does (Devlin et al. 2019, section
        5.3), `"mean"` the mean of its pieces.

    # Raises

    `ConfigurationError` for another `pooling`.
    """

    yields_pieces = False

    def __init__(self, model_name: str, *, pooling: str = "first", **kwargs: Any) -> None:
        super().__init__(model_name, **kwargs)
        if pooling not in ("first", "mean"):
            raise ConfigurationError(f"pooling must be 'first' or 'mean', got {pooling!r}")
        self._pooling = pooling

    def forward(
        self,
        token_ids: torch.Tensor,
        mask: torch.Tensor,
        wordpiece_mask: torch.Tensor,
        piece_offsets: torch.Tensor,
    ) -> torch.Tensor:
        """
        Return an embedding of each word, of shape `(batch_size, num_words, embedding_dim)`.

        It is zero where `mask` is false. The parameters are those of `word_pieces`.
        """
        # Shape: (batch_size, num_pieces, embedding_dim)
        pieces = super().forward(token_ids, mask, wordpiece_mask, piece_offsets)
        batch_size, num_pieces, dim = pieces.size()
        if not num_pieces:
            return pieces.new_zeros(*mask.size(), dim)
        firsts, lasts = piece_offsets.unbind(-1)
        if self._pooling == "first":
            words = pieces.gather(1, firsts.unsqueeze(-1).expand(-1, -1, dim))
            return words * mask.unsqueeze(-1)
        # Shape: (batch_size, num_pieces): the word that each piece is from.
        beginnings = torch.zeros_like(wordpiece_mask, dtype=torch.long)
        beginnings.scatter_add_(1, firsts, mask.long())
        # (A document without words has pieces of padding alone, which count for nothing.)
        word_of = (beginnings.cumsum(dim=1) - 1).clamp(min=0)
        sums = pieces.new_zeros(batch_size, mask.size(1), dim)
        sums.scatter_add_(
            1,
            word_of.unsqueeze(-1).expand_as(pieces),
            pieces * wordpiece_mask.unsqueeze(-1),
        )
        return sums / (lasts - firsts + 1).unsqueeze(-1)
