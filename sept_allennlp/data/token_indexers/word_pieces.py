from itertools import accumulate
from pathlib import Path
from typing import Any, Dict, List, Optional

import torch
from allennlp.data.token_indexers.token_indexer import IndexedTokenList, TokenIndexer
from allennlp.data.tokenizers import Token
from allennlp.data.vocabulary import Vocabulary

from sept_allennlp.archives.encoders import encoder_source, fast_tokenizer
from sept_runtime.tokenization.word_pieces import WordPieces


@TokenIndexer.register("word_pieces")
class WordPieceIndexer(TokenIndexer):
    """
    Splits the words of a document into the pieces of a pre-trained encoder, and says which pieces
    each word has (see `sept_runtime.tokenization.word_pieces`).

    AllenNLP's `pretrained_transformer_mismatched` does the same with one call of the tokeniser a
    word, and gives a word that has no piece (a lone control character, say) the offsets
    (-1, -1); here such a word gets the unknown piece, so that every span has something to pool.

    Used with the `word_pieces` token embedder of the same `model_name`. Registered as a
    `TokenIndexer` with name "word_pieces".

    # Parameters

    model_name : `str`
        Hub name or folder of the encoder.
    serialization_dir : `str`, optional
        Given by AllenNLP: where an archived encoder is looked for.

    # Raises

    `ValueError` if the encoder has no fast tokeniser.
    """

    def __init__(
        self,
        model_name: str,
        serialization_dir: Optional[str] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._model_name = model_name
        self._tokenizer = fast_tokenizer(encoder_source(model_name, serialization_dir).location)
        # Tokenisers that know every byte have no unknown piece.
        unknown, padding = self._tokenizer.unk_token_id, self._tokenizer.pad_token_id
        self.unknown_piece: int = (padding or 0) if unknown is None else unknown
        self._pieces = WordPieces(self._tokenizer.backend_tokenizer, self.unknown_piece)

    def save_tokenizer(self, path: Path) -> None:
        """Writes what a `WordPieces` is made from without `transformers`."""
        self._tokenizer.backend_tokenizer.save(str(path))

    def count_vocab_items(self, token: Token, counter: Dict[str, Dict[str, int]]) -> None:
        """The pieces' indices are the encoder's own, there is nothing to count."""

    def tokens_to_indices(self, tokens: List[Token], vocabulary: Vocabulary) -> IndexedTokenList:
        """
        `token_ids` and `wordpiece_mask`, one for each piece, and `mask` and `piece_offsets` (first
        and last piece, both inclusive), one for each word.
        """
        pieces, counts = self._pieces.split([token.ensure_text() for token in tokens])
        # First and last piece of each word.
        offsets = [[end - count, end - 1] for end, count in zip(accumulate(counts), counts)]
        return {
            "token_ids": pieces,
            "mask": [True] * len(counts),
            "wordpiece_mask": [True] * len(pieces),
            "piece_offsets": offsets,
        }

    def get_empty_token_list(self) -> IndexedTokenList:
        """What `tokens_to_indices` gives for no words."""
        return {
            "token_ids": [],
            "mask": [],
            "wordpiece_mask": [],
            "piece_offsets": [],
        }

    def as_padded_tensor_dict(
        self, tokens: IndexedTokenList, padding_lengths: Dict[str, int]
    ) -> Dict[str, torch.Tensor]:
        """The same as tensors, filled up: masks with false, pieces with the padding piece."""
        tensors = {}
        for name, values in tokens.items():
            length = padding_lengths[name]
            if name in ("mask", "wordpiece_mask"):
                tensors[name] = torch.arange(length) < len(values)
                continue
            if name == "piece_offsets":
                tensor = torch.zeros(length, 2, dtype=torch.long)
            else:
                tensor = torch.full((length,), self._tokenizer.pad_token_id or 0)
            if values:
                tensor[: len(values)] = torch.tensor(values)
            tensors[name] = tensor
        return tensors

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, WordPieceIndexer):
            return NotImplemented
        return self._model_name == other._model_name
