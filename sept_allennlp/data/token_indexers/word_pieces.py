from itertools import accumulate
from pathlib import Path
from typing import Any, Dict, List, Optional

import torch
from allennlp.data.token_indexers.token_indexer import IndexedTokenList, TokenIndexer
from allennlp.data.tokenizers import Token
from allennlp.data.vocabulary import Vocabulary
from typing_extensions import override

from sept_allennlp.archives.encoders import PretrainedEncoder
from sept_runtime.tokenization.word_pieces import WordPieces


@TokenIndexer.register("word_pieces")
class WordPieceIndexer(TokenIndexer):
    """
    Splits words into the pieces of a pre-trained encoder, and counts the pieces of each word.

    AllenNLP's `pretrained_transformer_mismatched` does the same with one call of the tokenizer a
    word, and gives a word that has no piece (a lone control character, say) the offsets
    (-1, -1); here such a word gets the unknown piece, so that every span has something to pool.

    Used with the `word_pieces` token embedder of the same `model_name`. Registered as a
    `TokenIndexer` with name "word_pieces".

    # Parameters

    model_name : `str`
        A hub name, a folder, or the archive of a trained model.
    serialization_dir : `str`, optional
        Given by AllenNLP: where an archived encoder is looked for.
    lowercase : `bool`, optional
        Whether words are lower-cased; by default, what the tokenizer says. Encoders with nothing
        but a `vocab.txt` do not say it, and transformers lower-cases then.

    # Raises

    `ConfigurationError` if the encoder has no fast tokenizer.
    """

    def __init__(
        self,
        model_name: str,
        serialization_dir: Optional[str] = None,
        lowercase: Optional[bool] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._encoder = PretrainedEncoder(model_name, serialization_dir, lowercase)
        self.identity = self._encoder.identity()
        tokenizer = self._encoder.tokenizer
        self.padding_piece: int = tokenizer.pad_token_id or 0
        # Tokenizers that know every byte have no unknown piece.
        unknown = tokenizer.unk_token_id
        self.unknown_piece: int = self.padding_piece if unknown is None else unknown
        self._pieces = WordPieces(self._encoder.backend, self.unknown_piece)

    def archive_into(self, serialization_dir: str) -> None:
        """Put the encoder's configuration and tokenizer where AllenNLP archives them."""
        self._encoder.archive_into(serialization_dir)

    @property
    def lowercases(self) -> bool:
        """Return whether the tokenizer lower-cases words."""
        return self._encoder.lowercases

    def save_tokenizer(self, path: Path) -> None:
        """Write the file that a `WordPieces` is made from without transformers."""
        self._encoder.backend.save(str(path))

    @override
    def count_vocab_items(self, token: Token, counter: Dict[str, Dict[str, int]]) -> None:
        # The pieces' indices are the encoder's own.
        return

    @override
    def tokens_to_indices(self, tokens: List[Token], vocabulary: Vocabulary) -> IndexedTokenList:
        """
        Return `token_ids`, `wordpiece_mask` of pieces, and `mask`, `piece_offsets` of words.

        The offsets are a word's first and last piece, both inclusive.
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

    @override
    def get_empty_token_list(self) -> IndexedTokenList:
        return {
            "token_ids": [],
            "mask": [],
            "wordpiece_mask": [],
            "piece_offsets": [],
        }

    @override
    def as_padded_tensor_dict(
        self, tokens: IndexedTokenList, padding_lengths: Dict[str, int]
    ) -> Dict[str, torch.Tensor]:
        tensors = {}
        for name, values in tokens.items():
            length = padding_lengths[name]
            if name in ("mask", "wordpiece_mask"):
                tensors[name] = torch.arange(length) < len(values)
                continue
            if name == "piece_offsets":
                tensor = torch.zeros(length, 2, dtype=torch.long)
            else:
                tensor = torch.full((length,), self.padding_piece)
            if values:
                tensor[: len(values)] = torch.tensor(values)
            tensors[name] = tensor
        return tensors

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, WordPieceIndexer):
            return NotImplemented
        return self.identity == other.identity
