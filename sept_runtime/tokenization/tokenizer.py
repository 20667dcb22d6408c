"""
Raw text → sentences of words with exact character offsets, as a model trained on SciERC wants them.

SciERC's words follow the Penn Treebank as Stanford's tools cut it: punctuation, brackets, quotes,
`%` and `'s` stand alone, "cannot" is two words, and whatever is joined by a hyphen or a slash is
one. What stands between two white spaces is cut the way spaCy's tokenizer does it, with rules for
this convention: affixes come off its two ends, then infixes cut what is left. The sentence rules on
top of it know the abbreviations of scientific prose.
"""

import re
from functools import lru_cache
from typing import List, Match, NamedTuple, Optional, Sequence, Tuple


class TokenizedText(NamedTuple):
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


def tokenize(text: str) -> TokenizedText:
    """
    Cuts a text into sentences of words. A blank line always ends a sentence; any other line break
    is white space.

    Every character that can be seen is in exactly one word, and `text[start:end]` is the word.
    Invisible characters (zero-width ones, direction marks, control characters) inside a word stay
    there; alone they are left out. Any string will do, even one with unpaired surrogates, which
    stay in the words. What stands between two white spaces is cut after every 200 characters.
    """
    visible = _INVISIBLE_RUN.sub(_blank_at_edge, text)
    # A text without capitals cannot tell where a sentence begins.
    has_capitals = not visible.islower()

    result = TokenizedText([], [])
    start = 0
    for blank in _BLANK_LINE.finditer(visible):
        _add_paragraph(result, visible, start, blank.start(), has_capitals)
        start = blank.end()
    _add_paragraph(result, visible, start, len(visible), has_capitals)
    return result


# Listed, because Python has no pattern for Unicode's categories Cc and Cf. White space is not here.
_INVISIBLE = (
    r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u2064\u2066-\u206f\ufeff]"
)
_INVISIBLE_RUN = re.compile(rf"{_INVISIBLE}+")
_BLANK_LINE = re.compile(r"\n\s*\n|\r\s*\r|\u2029")


def _blank_at_edge(run: Match[str]) -> str:
    """Gives white space in the place of invisible characters, unless they are inside a word."""
    start, end = run.span()
    before, after = run.string[max(start - 1, 0) : start], run.string[end : end + 1]
    at_edge = not before or before.isspace() or not after or after.isspace()
    return " " * (end - start) if at_edge else run.group()


# Words ------------------------------------------------------------------------------------------

# Longer pieces are cut, so that one without any white space takes little time and memory.
_LONGEST_CHUNK = 200
_CHUNK = re.compile(rf"\S{{1,{_LONGEST_CHUNK}}}")
_MOST_REMEMBERED_CHUNKS = 2**14

_DASHES_AND_DOTS = r"--+|\.\.+|[…—―]"
_BRACKETS = r"[()\[\]{}<>«»「」『』【】《》（）]"
_QUOTES = r"``|''|[\"“”„]"
_OTHER_SCRIPTS = r"[。！？，、；：؟،؛।]"
_SIGNS = r"[$€£¥~=≤≥≈≠±→←↔⇒∈]"
_ANYWHERE = "|".join([_DASHES_AND_DOTS, _BRACKETS, _QUOTES, _OTHER_SCRIPTS, _SIGNS])
_PREFIX = re.compile(rf"{_ANYWHERE}|[,;:?!%`‘]|['’](?!(?:s|d|m|ll|re|ve)$)")
# Matched from the end of the chunk, and so spelled backwards: "n't", "'ll", "'re", "'ve".
_SUFFIX_BACKWARDS = re.compile(
    rf"{_ANYWHERE}|[,;:?!%`‘.]|t['’]n(?=[A-Za-z])|(?:[sSdDmM]|ll|LL|er|ER|ev|EV)?['’]"
)
_INFIX = re.compile(
    rf"{_ANYWHERE}|;|(?<!\d),|,(?!\d)"
    # A space forgotten after a sentence, or none before a citation: "learning.The", "learning.[3]".
    r"|(?<=[a-z]{2})\.(?=[A-Z\[(])"
)
_ADDRESS = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://|www\.)\S+|[^\s@]+@[^\s@]+\.[^\s@]+")
# Most words. Nothing above is in them, which is known sooner of all at once.
_PLAIN = re.compile(r"\w+(?:-\w+)*")


def _words(visible: str, start: int, end: int) -> List[Tuple[int, int]]:
    """Finds the words between `start` and `end`: the first character of each, and where it ends."""
    offsets = []
    for chunk in _CHUNK.finditer(visible, start, end):
        chunk_start = chunk.start()
        for first, last in _cut(chunk.group()):
            offsets.append((chunk_start + first, chunk_start + last))
    return offsets


@lru_cache(maxsize=_MOST_REMEMBERED_CHUNKS)
def _cut(chunk: str) -> Tuple[Tuple[int, int], ...]:
    """
    Cuts a chunk, which has no white space. Affixes come off both ends in turns; what is left is an
    address, or infixes cut it.

    # Returns

    `Tuple[Tuple[int, int], ...]`
        The first character of each word in the chunk, and the one after its last.
    """
    backwards, length = chunk[::-1], len(chunk)
    first, last = 0, length
    cuts, last_cuts = [first], [last]
    while not _PLAIN.fullmatch(chunk, first, last):
        prefix = _PREFIX.match(chunk, first, last)
        if prefix:
            first = prefix.end()
            cuts.append(first)
        suffix = _SUFFIX_BACKWARDS.match(backwards, length - last, length - first)
        if suffix:
            last = length - suffix.end()
            last_cuts.append(last)
        if not prefix and not suffix:
            if not _ADDRESS.fullmatch(chunk, first, last):
                for infix in _INFIX.finditer(chunk, first, last):
                    cuts += infix.span()
            break
    if chunk[first:last] in ("cannot", "Cannot"):
        cuts.append(first + len("can"))
    cuts += reversed(last_cuts)
    words = []
    for first, last in zip(cuts, cuts[1:]):
        if first < last and not _INVISIBLE_RUN.fullmatch(chunk, first, last):
            words.append((first, last))
    return tuple(words)


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
    result: TokenizedText, text: str, start: int, end: int, has_capitals: bool
) -> None:
    offsets = _words(text, start, end)
    words = [text[first:last] for first, last in offsets]
    sentence: List[str] = []
    ended = False
    for position, (word, (first, last)) in enumerate(zip(words, offsets)):
        if ended or word[-1] in _STOPS:
            touching = bool(result.offsets) and result.offsets[-1][1] == first
            if ended and not _closes(word, touching):
                if _can_begin(word, has_capitals):
                    result.sentences.append(sentence)
                    sentence = []
                ended = False
            if _STOP.fullmatch(word):
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
