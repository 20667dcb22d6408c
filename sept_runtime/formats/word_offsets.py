"""
The places of a document's words in its text.

Characters are Unicode code points, as Python counts them: not bytes, and not UTF-16 units.
"""

import json
import unicodedata
from functools import lru_cache
from typing import Any, List, Optional, Sequence, Tuple

from sept_runtime.documents import DocumentError
from sept_runtime.formats.json_lines import is_index
from sept_runtime.tokenization.words import PTB_BRACKETS, without_surrogates

_UNITS = "offsets count characters (Unicode code points), not bytes or UTF-16 units"

# The Penn Treebank's and typographic spellings of one sign.
_SIGNS = str.maketrans(
    {
        '"': "''",
        "\u201c": "''",
        "\u201d": "''",
        "\u201e": "''",
        "`": "'",
        "\u2018": "'",
        "\u2019": "'",
        "\u2013": "-",
        "\u2014": "--",
        "\\": "",
    }
)


def checked_offsets(
    offsets: Any, words: Sequence[str], text: str, where: str
) -> List[Tuple[int, int]]:
    """
    Return the value of `word_offsets`, as read from JSON, after checking it.

    There must be one pair a word, in order and without overlap, around the word's characters.
    Differences in case, white space, Unicode normalization and the spelling of brackets and quotes
    are allowed.

    # Raises

    `DocumentError`, with a message that begins with `where`.
    """
    if not isinstance(offsets, list) or len(offsets) != len(words):
        raise DocumentError(
            f"{where}: 'word_offsets' must be a list of [start, end], one for each of the "
            f"{len(words)} words"
        )
    checked: List[Tuple[int, int]] = []
    last_end = 0
    for index, (pair, word) in enumerate(zip(offsets, words)):
        if not (isinstance(pair, (list, tuple)) and len(pair) == 2 and all(map(is_index, pair))):
            raise _offset_error(where, index, pair, "is not [start, end]")
        start, end = pair
        if start < last_end:
            fault = f"begins before the word before it ends, at {last_end}"
            raise _offset_error(where, index, pair, fault)
        if end > len(text):
            fault = f"reaches outside the text of {len(text)} characters"
            raise _offset_error(where, index, pair, f"{fault}; {_UNITS}")
        if start > end:
            raise _offset_error(where, index, pair, "ends before it begins")
        if not same_characters(text[start:end], word):
            fault = f"is {text[start:end]!r} in the text, but the word is {word!r}; {_UNITS}"
            raise _offset_error(where, index, pair, fault)
        checked.append((start, end))
        last_end = end
    return checked


def _offset_error(where: str, index: int, pair: Any, fault: str) -> DocumentError:
    return DocumentError(f"{where}: 'word_offsets' of word {index}, {json.dumps(pair)}, {fault}")


def find_words(words: Sequence[str], text: str, where: str) -> List[Tuple[int, int]]:
    """
    Find the words in the text that they make up, with nothing but white space between them.

    The same differences are allowed as in `checked_offsets`. A blank word gets an empty place
    behind the word before it.

    # Raises

    `DocumentError`, with a message that begins with `where`, if the text consists of other words.
    """
    offsets: List[Tuple[int, int]] = []
    position = 0
    for index, word in enumerate(words):
        if not word.strip():
            offsets.append((position, position))
            continue
        place = _place_of(word, text, position)
        if place is None:
            start = _skip_invisible(text, position)
            found = f"has {text[start : start + 20]!r} there" if start < len(text) else "ends there"
            raise DocumentError(
                f"{where}: word {index}, {word!r}, is not in the text at character {start}: it "
                f"{found}; give 'text' and words of the same document, or 'word_offsets'"
            )
        offsets.append(place)
        position = place[1]
    rest = _skip_invisible(text, position)
    if rest < len(text):
        raise DocumentError(
            f"{where}: the text continues after the last word, at character {rest}, with "
            f"{text[rest : rest + 20]!r}; give all its words, or 'word_offsets'"
        )
    return offsets


def same_characters(first: str, second: str) -> bool:
    """Compare two spellings of a word or an entity, with the differences that are allowed."""
    return first == second or _canonical(first) == _canonical(second)


def _place_of(word: str, text: str, position: int) -> Optional[Tuple[int, int]]:
    while position < len(text) and text[position].isspace():
        position += 1
    if text.startswith(word, position):
        return position, position + len(word)
    start = end = _skip_invisible(text, position)
    wanted = _canonical(word)
    while wanted and end < len(text):
        character = _canonical_character(text[end])
        if not wanted.startswith(character):
            return None
        wanted = wanted[len(character) :]
        end += 1
    if wanted or start == end:
        return None
    # A sign that takes two characters and a combining mark both belong to the word before.
    while end < len(text) and unicodedata.combining(text[end]):
        end += 1
    return start, end


def _skip_invisible(text: str, position: int) -> int:
    while position < len(text) and not _canonical_character(text[position]):
        position += 1
    return position


def _canonical(word: str) -> str:
    word = PTB_BRACKETS.get(word, word)
    return "".join(map(_canonical_character, word))


@lru_cache(maxsize=4096)
def _canonical_character(character: str) -> str:
    """Return the spelling by which characters are compared; none for invisible characters."""
    folded = unicodedata.normalize("NFKD", without_surrogates(character)).casefold()
    visible = (each for each in folded if not each.isspace() and unicodedata.category(each) != "Cf")
    return "".join(visible).translate(_SIGNS)
