from typing import Any, Dict, List, Optional, Tuple

import torch
from allennlp.data.token_indexers.token_indexer import IndexedTokenList, TokenIndexer
from allennlp.data.tokenizers import Token
from allennlp.data.vocabulary import Vocabulary

from sept_allennlp.documents import natural_words
from sept_allennlp.encoders import encoder_source, fast_tokenizer


@TokenIndexer.register("word_pieces")
class WordPieceIndexer(TokenIndexer):
    """
    Splits the words of a document into the pieces of a pre-trained encoder, all words in one call,
    and says which pieces each word has.

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

    def count_vocab_items(self, token: Token, counter: Dict[str, Dict[str, int]]) -> None:
        """The pieces' indices are the encoder's own, there is nothing to count."""

    def tokens_to_indices(self, tokens: List[Token], vocabulary: Vocabulary) -> IndexedTokenList:
        words = natural_words([token.ensure_text() for token in tokens])
        pieces, word_of_piece = self._encode(words)
        without_piece = set(range(len(words))).difference(word_of_piece)
        if without_piece:
            for index in without_piece:
                words[index] = self._tokenizer.unk_token
            pieces, word_of_piece = self._encode(words)

        # First and last piece of each word.
        offsets: List[List[int]] = []
        for piece, word in enumerate(word_of_piece):
            if word == len(offsets):
                offsets.append([piece, piece])
            else:
                offsets[word][1] = piece
        return {
            "token_ids": pieces,
            "mask": [True] * len(words),
            "wordpiece_mask": [True] * len(pieces),
            "piece_offsets": offsets,
        }

    def _encode(self, words: List[str]) -> Tuple[List[int], List[int]]:
        if not words:
            return [], []
        encoding = self._tokenizer(
            words,
            is_split_into_words=True,
            add_special_tokens=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            # The embedder takes documents of any length, there is nothing to warn of.
            verbose=False,
        )
        return encoding["input_ids"], encoding.word_ids()

    def get_empty_token_list(self) -> IndexedTokenList:
        return {
            "token_ids": [],
            "mask": [],
            "wordpiece_mask": [],
            "piece_offsets": [],
        }

    def as_padded_tensor_dict(
        self, tokens: IndexedTokenList, padding_lengths: Dict[str, int]
    ) -> Dict[str, torch.Tensor]:
        tensors = {}
        for name, values in tokens.items():
            length = padding_lengths[name]
            if name == "piece_offsets":
                tensor = torch.zeros(length, 2, dtype=torch.long)
            elif name == "token_ids":
                tensor = torch.full((length,), self._tokenizer.pad_token_id or 0)
            else:
                tensor = torch.zeros(length, dtype=torch.bool)
            if values:
                tensor[: len(values)] = torch.tensor(values)
            tensors[name] = tensor
        return tensors

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, WordPieceIndexer):
            return NotImplemented
        return self._model_name == other._model_name
