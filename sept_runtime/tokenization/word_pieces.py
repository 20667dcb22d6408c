"""Split words into the pieces of a pre-trained encoder."""

from typing import TYPE_CHECKING, Dict, List, Sequence, Tuple

from sept_runtime.tokenization.words import restore_brackets

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# The maximum number of words whose pieces are remembered, which bounds memory.
_MOST_WORDS = 200_000


class WordPieces:
    """
    A splitter of words into word pieces. Threads may share it.

    The tokenizer is slow and splits each word on its own, so it is called once per document, with
    the words that have not been seen before.

    # Parameters

    tokenizer : `tokenizers.Tokenizer`
        Its truncation and padding are switched off.
    unknown_piece : `int`
        The piece of a word that has none, such as a control character, so that every span has a
        piece to pool.
    """

    def __init__(self, tokenizer: "Tokenizer", unknown_piece: int) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._unknown_piece = unknown_piece
        self._pieces_of: Dict[str, List[int]] = {}

    def split(self, words: Sequence[str]) -> Tuple[List[int], List[int]]:
        """Return the pieces of all words in order, and the number of pieces of each word."""
        if len(self._pieces_of) > _MOST_WORDS:
            # Not cleared in place: another thread may be looking words up.
            self._pieces_of = {}
        pieces_of = self._pieces_of
        new_words = [word for word in dict.fromkeys(words) if word not in pieces_of]
        if new_words:
            pieces_of.update(self._pieces(new_words))
        split = [pieces_of[word] for word in words]
        return [piece for pieces in split for piece in pieces], list(map(len, split))

    def _pieces(self, words: List[str]) -> Dict[str, List[int]]:
        """Return the pieces of distinct words."""
        encoding = self._tokenizer.encode(
            restore_brackets(words), is_pretokenized=True, add_special_tokens=False
        )
        pieces_of: Dict[str, List[int]] = {word: [] for word in words}
        for piece, word in zip(encoding.ids, encoding.word_ids):
            pieces_of[words[word]].append(piece)
        return {word: pieces or [self._unknown_piece] for word, pieces in pieces_of.items()}
