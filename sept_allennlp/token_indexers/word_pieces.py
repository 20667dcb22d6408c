from typing import Any, Dict, List, Optional

import torch
from allennlp.data.token_indexers.token_indexer import IndexedTokenList, TokenIndexer
from allennlp.data.tokenizers import Token
from allennlp.data.vocabulary import Vocabulary

from sept_allennlp.archives.encoders import encoder_source, fast_tokenizer
from sept_runtime.words import restore_brackets

# How many words' pieces to remember, which bounds the memory of a program that never ends.
_MOST_WORDS = 200_000


@TokenIndexer.register("word_pieces")
class WordPieceIndexer(TokenIndexer):
    """
    Splits the words of a document into the pieces of a pre-trained encoder, and says which pieces
    each word has. The tokenizer takes long over a word, but splits it without a look at the others,
    so it is called once a document, and only with words that were not met before.

    AllenNLP's `pretrained_transformer_mismatched` does the same with one call of the tokenizer a
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

    `ValueError` if the encoder has no fast tokenizer.
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
        # Tokenizers that know every byte have no unknown piece.
        unknown, padding = self._tokenizer.unk_token_id, self._tokenizer.pad_token_id
        self._unknown_piece = (padding or 0) if unknown is None else unknown
        self._pieces_of: Dict[str, List[int]] = {}

    def count_vocab_items(self, token: Token, counter: Dict[str, Dict[str, int]]) -> None:
        """The pieces' indices are the encoder's own, there is nothing to count."""

    def tokens_to_indices(self, tokens: List[Token], vocabulary: Vocabulary) -> IndexedTokenList:
        """
        # Returns

        `token_ids` and `wordpiece_mask`, one for each piece, and `mask` and `piece_offsets`
        (first and
        last piece, both inclusive), one for each word.
        """
        words = [token.ensure_text() for token in tokens]
        if len(self._pieces_of) > _MOST_WORDS:
            # Not cleared, because another thread may be about to look words up.
            self._pieces_of = {}
        pieces_of = self._pieces_of
        new_words = [word for word in dict.fromkeys(words) if word not in pieces_of]
        pieces_of.update(self._split(new_words))
        pieces: List[int] = []
        # First and last piece of each word.
        offsets: List[List[int]] = []
        for word in words:
            first = len(pieces)
            pieces += pieces_of[word]
            offsets.append([first, len(pieces) - 1])
        return {
            "token_ids": pieces,
            "mask": [True] * len(words),
            "wordpiece_mask": [True] * len(pieces),
            "piece_offsets": offsets,
        }

    def _split(self, words: List[str]) -> Dict[str, List[int]]:
        """The pieces of words, of which none may occur twice."""
        if not words:
            return {}
        encoding = self._tokenizer(
            restore_brackets(words),
            is_split_into_words=True,
            add_special_tokens=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            # The embedder takes documents of any length, there is nothing to warn of.
            verbose=False,
        )
        pieces_of: Dict[str, List[int]] = {word: [] for word in words}
        for piece, word in zip(encoding["input_ids"], encoding.word_ids()):
            pieces_of[words[word]].append(piece)
        return {word: pieces or [self._unknown_piece] for word, pieces in pieces_of.items()}

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
        """
        # Returns

        `token_ids` and `wordpiece_mask` of shape `(num_pieces,)`, padded with the encoder's
        own padding
        and with false; `mask` of shape `(num_words,)`, and `piece_offsets` of shape
        `(num_words, 2)`,
        padded with false and with 0.
        """
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
