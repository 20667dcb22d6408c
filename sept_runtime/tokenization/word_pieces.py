"""Words as the pieces of a pre-trained encoder."""

from typing import TYPE_CHECKING, Dict, List, Sequence, Tuple

from sept_runtime.tokenization.words import restore_brackets

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# How many words' pieces to remember, which bounds the memory of a program that never ends.
_MOST_WORDS = 200_000


class WordPieces:
    """
    Splits the words of a document into pieces. The tokenizer takes long over a word, but splits it
    without a look at the others, so it is called once a document, and only with words that were not
    met before. Threads may share it.

    # Parameters

    tokenizer : `tokenizers.Tokenizer`
        It is told neither to truncate nor to pad.
    unknown_piece : `int`
        What a word without pieces (a lone control character, say) gets, so that every span has
        something to pool.
    """

    def __init__(self, tokenizer: "Tokenizer", unknown_piece: int) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._unknown_piece = unknown_piece
        self._pieces_of: Dict[str, List[int]] = {}

    def split(self, words: Sequence[str]) -> Tuple[List[int], List[int]]:
        """The pieces of all words, one after the other, and how many each word has."""
        if len(self._pieces_of) > _MOST_WORDS:
            # Not cleared, because another thread may be about to look words up.
            self._pieces_of = {}
        pieces_of = self._pieces_of
        new_words = [word for word in dict.fromkeys(words) if word not in pieces_of]
        if new_words:
            pieces_of.update(self._pieces(new_words))
        split = [pieces_of[word] for word in words]
        return [piece for pieces in split for piece in pieces], list(map(len, split))

    def _pieces(self, words: List[str]) -> Dict[str, List[int]]:
        """The pieces of words, of which none may occur twice."""
        encoding = self._tokenizer.encode(
            restore_brackets(words), is_pretokenized=True, add_special_tokens=False
        )
        pieces_of: Dict[str, List[int]] = {word: [] for word in words}
        for piece, word in zip(encoding.ids, encoding.word_ids):
            pieces_of[words[word]].append(piece)
        return {word: pieces or [self._unknown_piece] for word, pieces in pieces_of.items()}
