"""
Raw text → sentences of words with exact character offsets, as a model trained on SciERC wants them.

SciERC's words follow the Penn Treebank as Stanford's tools cut it: punctuation, brackets, quotes,
`%` and `'s` stand alone, "cannot" is two words, and whatever is joined by a hyphen or a slash is
one. spaCy's tokeniser does the work, with rules for this convention in the place of its own; the
sentence rules on top of it know the abbreviations of scientific prose.
"""

import re
from functools import lru_cache
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

from spacy.attrs import ORTH
from spacy.tokenizer import Tokenizer
from spacy.vocab import Vocab

from sept_runtime.words import without_surrogates


class TokenisedText(NamedTuple):
    """
    # Parameters

    sentences : `List[List[str]]`
        The words, sentence by sentence, spelled as in the text. No sentence is empty.
    offsets : `List[Tuple[int, int]]`
        Per word, over the whole document, its first character in the text and the one after its
        last.
    """

    sentences: List[List[str]]
    offsets: List[Tuple[int, int]]


def tokenise(text: str) -> TokenisedText:
    """
    Cuts a text into sentences of words. A blank line always ends a sentence; any other line break
    is white space.

    Every character that can be seen is in exactly one word, and `text[start:end]` is the word.
    Invisible characters (zero-width ones, direction marks, control characters) inside a word stay
    there; alone they are left out. Any string will do, even one with unpaired surrogates, which
    stay in the words. What stands between two white spaces is cut after every 200 characters.
    """
    visible = _INVISIBLE_AT_EDGE.sub(lambda match: " " * len(match.group()), text)
    # spaCy works on UTF-8, which has no unpaired surrogates.
    visible = without_surrogates(visible)
    # A text without capitals cannot tell where a sentence begins.
    has_capitals = not visible.islower()

    result = TokenisedText([], [])
    start = 0
    for blank in _BLANK_LINE.finditer(visible):
        _add_paragraph(result, text, visible, start, blank.start(), has_capitals)
        start = blank.end()
    _add_paragraph(result, text, visible, start, len(visible), has_capitals)
    return result


# Listed, because Python has no pattern for Unicode's categories Cc and Cf. White space is not here.
_INVISIBLE = (
    r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u2064\u2066-\u206f\ufeff]"
)
# The second look-behind: try a long run inside a word once and not from each of its characters.
_INVISIBLE_AT_EDGE = re.compile(rf"(?<!\S){_INVISIBLE}+|(?<!{_INVISIBLE}){_INVISIBLE}+(?!\S)")
_NOTHING_VISIBLE = re.compile(rf"(?:\s|{_INVISIBLE})+")
_BLANK_LINE = re.compile(r"\n\s*\n|\r\s*\r|\u2029")


# Words ------------------------------------------------------------------------------------------

# spaCy takes one affix after another off what stands between two spaces, each time looking at all
# that is left. Longer pieces are cut, so that a megabyte of brackets takes seconds and not days.
_LONGEST_CHUNK = 200
_LONG_CHUNK = re.compile(rf"\S{{{_LONGEST_CHUNK}}}(?=\S)")
# spaCy remembers every word that it has seen.
_MOST_REMEMBERED_WORDS = 200_000

_DASHES_AND_DOTS = r"--+|\.\.+|[…—―]"
_BRACKETS = r"[()\[\]{}<>«»「」『』【】《》（）]"
_QUOTES = r"``|''|[\"“”„]"
_OTHER_SCRIPTS = r"[。！？，、；：؟،؛।]"
_SIGNS = r"[$€£¥~=≤≥≈≠±→←↔⇒∈]"
_ANYWHERE = "|".join([_DASHES_AND_DOTS, _BRACKETS, _QUOTES, _OTHER_SCRIPTS, _SIGNS])
_PREFIX = rf"{_ANYWHERE}|[,;:?!%`‘]|['’](?!(?:s|d|m|ll|re|ve)$)"
_SUFFIX = rf"{_ANYWHERE}|[,;:?!%`‘.]|(?<=[A-Za-z])n['’]t|['’](?:[sSdDmM]|ll|LL|re|RE|ve|VE)|['’]"
_INFIX = (
    rf"{_ANYWHERE}|;|(?<!\d),|,(?!\d)"
    # A space forgotten after a sentence, or none before a citation: "learning.The", "learning.[3]".
    r"|(?<=[a-z]{2})\.(?=[A-Z\[(])"
)
_ADDRESS = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://|www\.)\S+|[^\s@]+@[^\s@]+\.[^\s@]+")


@lru_cache(maxsize=1)
def _tokenizer() -> Tokenizer:
    return Tokenizer(
        Vocab(),
        rules={word: [{ORTH: word[:3]}, {ORTH: word[3:]}] for word in ("cannot", "Cannot")},
        prefix_search=re.compile(rf"^(?:{_PREFIX})").search,
        suffix_search=re.compile(rf"(?:{_SUFFIX})$").search,
        infix_finditer=re.compile(_INFIX).finditer,
        url_match=_ADDRESS.fullmatch,
    )


def _words(visible: str, start: int, end: int) -> Iterator[Tuple[int, int]]:
    """The first character of each word between `start` and `end`, and the one after its last."""
    tokenizer = _tokenizer()
    cuts = [chunk.end() for chunk in _LONG_CHUNK.finditer(visible, start, end)]
    for piece_start, piece_end in zip([start, *cuts], [*cuts, end]):
        for token in tokenizer(visible[piece_start:piece_end]):
            first = piece_start + token.idx
            last = first + len(token)
            if not _NOTHING_VISIBLE.fullmatch(visible, first, last):
                yield first, last
    if len(tokenizer.vocab) > _MOST_REMEMBERED_WORDS:
        _tokenizer.cache_clear()


# Sentences --------------------------------------------------------------------------------------

_STOPS = ".?!…。！？؟।"
_STOP = re.compile(rf"[{_STOPS}]+")
_CLOSING = frozenset([")", "]", "}", '"', "'", "''", "”", "’", "»", "」", "』", "）"])
_CANNOT_BEGIN = frozenset(",;:)]}%?!.…’”»")

# Never the last word of a sentence, unless nothing follows.
_INTRODUCES = frozenset(
    "e.g i.e eg ie cf vs viz resp approx ca esp incl excl Dr Prof Mr Mrs Ms St".split()
)
# An abbreviation in front of a number or a bracket, otherwise a word like any other.
_NUMBERED = frozenset(
    "fig figs eq eqs eqn eqns sec secs sect tab tabs ref refs no nos ch chap vol p pp thm lem prop"
    " def alg cor app art ex ver v jan feb mar apr jun jul aug sep sept oct nov dec".split()
)
_NUMBER = re.compile(r"[(\[]|[A-Z]{0,2}\d.*", re.DOTALL)
_NUMBER_OR_LETTER = re.compile(rf"{_NUMBER.pattern}|[IVX]+|[A-Z]", re.DOTALL)
# The last word of a sentence if a capital follows.
_MAY_END = frozenset(["al", "etc"])
# The same, but names follow these: only a word that often begins sentences shows the end.
_MAY_PRECEDE_NAME = frozenset("inc corp ltd co jr sr univ dept proc conf trans int".split())
_DOTTED = re.compile(r"[^\W\d_]{1,2}(?:\.-?[^\W\d_]{1,2})+")
_BEFORE_NAME = frozenset(["", *"by of and from with to in as see after for or ( [ , ; : &".split()])
_BEGINS_SENTENCE = frozenset(
    "the this these that those we our it its they their there here he his she her in on at by for"
    " from to with as after although an and because before but both each finally first second"
    " third further furthermore however if many moreover most next one several since some such"
    " then therefore thus unlike using when where whereas while yet another all experiments"
    " experimental results".split()
)
_BEFORE_LIST_NUMBER = frozenset(["", ":", ";"])
_LIST_NUMBER = re.compile(r"\d{1,3}(?:\.\d{1,3})*|[ivxIVX]+|[a-zA-Z]")


def _add_paragraph(
    result: TokenisedText, text: str, visible: str, start: int, end: int, has_capitals: bool
) -> None:
    offsets = list(_words(visible, start, end))
    words = [text[first:last] for first, last in offsets]
    sentence: List[str] = []
    ended = False
    for position, (word, (first, last)) in enumerate(zip(words, offsets)):
        touching = bool(result.offsets) and result.offsets[-1][1] == first
        if ended and not _closes(word, touching):
            if _can_begin(word, has_capitals):
                result.sentences.append(sentence)
                sentence = []
            ended = False
        if word[-1] in _STOPS and _STOP.fullmatch(word):
            ended = True
            if word == "." and sentence and touching:
                following = words[position + 1] if position + 1 < len(words) else None
                in_word, ended = _read_period(sentence, following)
                if in_word:
                    first = result.offsets.pop()[0]
                    word = sentence.pop() + word
        sentence.append(word)
        result.offsets.append((first, last))
    if sentence:
        result.sentences.append(sentence)


def _closes(word: str, touching: bool) -> bool:
    """Whether a word after the end of a sentence still belongs to it."""
    if touching:
        return word in _CLOSING or _STOP.fullmatch(word) is not None
    return word in ("''", "”")


def _can_begin(word: str, has_capitals: bool) -> bool:
    # "n-gram" and "mRNA" begin sentences, "range" after an abbreviation we do not know does not.
    return word[0] not in _CANNOT_BEGIN and not (has_capitals and word.isalpha() and word.islower())


def _read_period(before: Sequence[str], following: Optional[str]) -> Tuple[bool, bool]:
    """
    What a period right after a word means.

    # Parameters

    before : `Sequence[str]`
        The sentence up to the period, not empty.
    following : `str`, optional
        The word after the period, `None` at the end of a paragraph.

    # Returns

    `Tuple[bool, bool]`
        Whether the period is a part of the word (an abbreviation), and whether the sentence may
        end here.
    """
    word = before[-1]
    previous = before[-2] if len(before) > 1 else ""
    # "Cf" at the beginning of a sentence is "cf", but "IE" is no "ie" and "P" no "p".
    usual = word[0].lower() + word[1:] if len(word) > 1 else word
    capital = following is not None and following[0].isupper()
    new_sentence = following is None or capital and following.lower() in _BEGINS_SENTENCE
    if usual in _INTRODUCES or word in _INTRODUCES:
        return True, False
    if usual in _NUMBERED and following is not None:
        number = _NUMBER if word[0].islower() else _NUMBER_OR_LETTER
        if number.fullmatch(following):
            return True, False
    if usual in _MAY_END:
        return True, capital
    if usual in _MAY_PRECEDE_NAME or _DOTTED.fullmatch(word):
        return True, new_sentence
    if len(word) == 1 and word.isupper() and following is not None:
        in_name = previous[:1].isupper() or previous[-1:] == "." or previous in _BEFORE_NAME
        if following[0].islower() or capital and in_name and not new_sentence:
            return True, False
    # "We do two things: 1. Firstly …"
    if previous in _BEFORE_LIST_NUMBER and _LIST_NUMBER.fullmatch(word):
        return False, False
    return False, True
