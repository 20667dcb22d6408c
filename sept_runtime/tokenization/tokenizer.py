"""
Split raw text into sentences and words with exact character offsets, as in SciERC.

SciERC's words follow the Penn Treebank: punctuation, brackets, quotes, `%` and `'s` stand alone,
"cannot" is two words, and words joined by a hyphen or a slash are one. A piece between two white
spaces is split as spaCy's tokenizer does, with rules for this convention: affixes are removed from
both ends, infixes split the rest, and affixes are removed from each part again. The rules for
sentences know the abbreviations of scientific prose.
"""

import re
from bisect import bisect
from functools import lru_cache
from typing import Iterator, List, Match, NamedTuple, Optional, Sequence, Tuple

from sept_runtime.tokenization.words import restore_brackets


class TokenizedText(NamedTuple):
    """
    The sentences and words of a text.

    # Parameters

    sentences : `List[List[str]]`
        The words, sentence by sentence, as written in the text. No sentence is empty.
    offsets : `List[Tuple[int, int]]`
        The start and end character of each word of the document; the end is exclusive.
    """

    sentences: List[List[str]]
    offsets: List[Tuple[int, int]]


def tokenize(text: str) -> TokenizedText:
    """
    Split a text into sentences of words.

    A blank line always ends a sentence; other line breaks are white space. Every visible character
    is in exactly one word, and `text[start:end]` is the word. Invisible characters (zero-width
    characters, direction marks, control characters) stay inside words and are otherwise left out.
    Any string is valid, even one with unpaired surrogates, which stay in the words. Pieces without
    white space are cut after every 200 characters.
    """
    visible = _INVISIBLE_RUN.sub(_blank_at_edge, text)
    capitalized = _has_capitalized_sentences(visible)
    result = TokenizedText([], [])
    start = 0
    for blank in _BLANK_LINE.finditer(visible):
        _add_paragraph(result, visible, start, blank.start(), capitalized)
        start = blank.end()
    _add_paragraph(result, visible, start, len(visible), capitalized)
    return result


def split_sentences(words: Sequence[str]) -> List[List[str]]:
    """
    Split given words into sentences by the rules for raw text.

    The words stay as they are: the period of an abbreviation is not joined to it.
    """
    words = list(words)
    written = restore_brackets(words)
    # A period or closing bracket belongs to the word before; an opening bracket stands apart.
    touching = [_STOP.fullmatch(word) is not None or word in _CLOSING_BRACKETS for word in written]
    capitalized = _has_capitalized_sentences(" ".join(written))
    starts = _find_sentences(written, touching, capitalized).starts
    bounds = [0, *starts, len(words)]
    return [words[start:end] for start, end in zip(bounds, bounds[1:]) if start < end]


# Listed, because Python has no pattern for Unicode's categories Cc and Cf. White space is not here.
_INVISIBLE = (
    r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u2064\u2066-\u206f\ufeff]"
)
_INVISIBLE_RUN = re.compile(rf"{_INVISIBLE}+")
_BLANK_LINE = re.compile(r"\n\s*\n|\r\s*\r|\u2029")


def _blank_at_edge(run: Match[str]) -> str:
    """Replace invisible characters by white space unless they are inside a word."""
    start, end = run.span()
    before, after = run.string[max(start - 1, 0) : start], run.string[end : end + 1]
    at_edge = not before or before.isspace() or not after or after.isspace()
    return " " * (end - start) if at_edge else run.group()


# Words ------------------------------------------------------------------------------------------

# Longer pieces are cut, which bounds time and memory for text without white space.
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
# Words that often begin sentences.
_BEGINS_SENTENCE = frozenset(
    "the this these that those we our it its they their there here he his she her in on at by for"
    " from to with as after although an and because before but both each finally first second"
    " third further furthermore however if many moreover most next one several since some such"
    " then therefore thus unlike using when where whereas while yet another all experiments"
    " experimental results indeed overall notably importantly interestingly specifically similarly"
    " consequently additionally recently".split()
)
_SENTENCE_WORDS = "|".join(word.capitalize() for word in sorted(_BEGINS_SENTENCE))
_INFIX = re.compile(
    rf"{_ANYWHERE}|;|(?<!\d),|,(?!\d)"
    # No space after a sentence: "learning.The", "LSTM.The".
    rf"|(?<=[a-z]{{2}})\.(?=[A-Z])"
    rf"|(?<=[A-Za-z0-9%-]{{2}})\.(?=(?:{_SENTENCE_WORDS})\b)"
)
_ADDRESS = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://|www\.)\S+|[^\s@]+@[^\s@]+\.[^\s@]+")
# Most words, to which no rule above applies. One test for all rules is faster.
_PLAIN = re.compile(r"\w+(?:-\w+)*")


def _words(visible: str, start: int, end: int) -> List[Tuple[int, int]]:
    """Return the offsets of the words between `start` and `end`."""
    offsets = []
    for chunk in _CHUNK.finditer(visible, start, end):
        chunk_start = chunk.start()
        for first, last in _split_chunk(chunk.group()):
            offsets.append((chunk_start + first, chunk_start + last))
    return offsets


@lru_cache(maxsize=_MOST_REMEMBERED_CHUNKS)
def _split_chunk(chunk: str) -> Tuple[Tuple[int, int], ...]:
    """Return the offsets of the words in a chunk, which has no white space."""
    if chunk.isalpha() and chunk not in ("cannot", "Cannot"):
        return ((0, len(chunk)),)
    return tuple(
        (first, last)
        for first, last in _split_piece(chunk, chunk[::-1], 0, len(chunk))
        if first < last and not _INVISIBLE_RUN.fullmatch(chunk, first, last)
    )


def _split_piece(chunk: str, backwards: str, first: int, last: int) -> Iterator[Tuple[int, int]]:
    """
    Split a part of a chunk, and yield the offsets of its words in order.

    Affixes are removed from both ends in turn. What is left is an address, or infixes split it into
    parts that are split in the same way.
    """
    suffixes = []
    while not _PLAIN.fullmatch(chunk, first, last):
        prefix = _PREFIX.match(chunk, first, last)
        if prefix:
            yield first, prefix.end()
            first = prefix.end()
        suffix = _SUFFIX_BACKWARDS.match(backwards, len(chunk) - last, len(chunk) - first)
        if suffix:
            start = len(chunk) - suffix.end()
            suffixes.append((start, last))
            last = start
        if not prefix and not suffix:
            break
    infixes = []
    if not _PLAIN.fullmatch(chunk, first, last) and not _ADDRESS.fullmatch(chunk, first, last):
        infixes = [infix.span() for infix in _INFIX.finditer(chunk, first, last)]
    if infixes:
        for start, end in infixes:
            yield from _split_piece(chunk, backwards, first, start)
            yield start, end
            first = end
        yield from _split_piece(chunk, backwards, first, last)
    elif chunk[first:last] in ("cannot", "Cannot"):
        yield first, first + len("can")
        yield first + len("can"), last
    else:
        yield first, last
    yield from reversed(suffixes)


# Sentences --------------------------------------------------------------------------------------

_STOPS = ".?!…。！？؟।"
_STOP = re.compile(rf"[{_STOPS}]+")
_CLOSING = frozenset([")", "]", "}", '"', "'", "''", "”", "’", "»", "」", "』", "）"])
_CLOSING_BRACKETS = frozenset([")", "]", "}", "''", "”", "’", "»", "」", "』", "）"])
_BRACKET_PAIRS = {"(": ")", "[": "]"}
_CANNOT_BEGIN = frozenset(",;:)]}%?!.…’”»")
_FIRST_LETTER = re.compile(r"\W*([^\W\d_])")
_LETTER_AFTER_STOP = re.compile(r"[.?!…](?<=\w\w.)\s\W*([^\W\d_])")

# The words between the brackets of a citation, and how many there are at most.
_CITED = re.compile(r"\d+(?:[-–,]\d+)*|[,;–-]|and")
_LONGEST_CITATION = 12
# Between two citations: "[4],[5]", "[4]–[6]".
_BETWEEN_CITATIONS = frozenset([",", ";", "-", "–", "—"])
# The same if it begins with a capital: "(Fig. 2)", but not "(Code is available at ...)".
_LONGEST_REFERENCE = 4

# Never the last word of a sentence, unless nothing follows.
_INTRODUCES = frozenset(
    "e.g i.e eg ie cf vs viz resp approx ca esp incl excl Dr Prof Mr Mrs Ms St"
    # Taxonomic ranks: pathovar, subspecies, cultivar, biovar.
    " pv subsp subspp ssp cv bv".split()
)
# Taxonomic ranks in front of a Latin name: variety, form, species, genus, new combination.
_RANKS = frozenset("var f sp spp gen comb aff".split())
# Abbreviations in front of a number or a bracket, otherwise ordinary words.
_NUMBERED = frozenset(
    "fig figs eq eqs eqn eqns sec secs sect tab tabs ref refs no nos ch chap vol p pp thm lem prop"
    " def alg cor app art ex ver v jan feb mar apr jun jul aug sep sept oct nov dec".split()
)
_NUMBER = re.compile(r"[(\[]|[A-Z]{0,2}\d.*", re.DOTALL)
_NUMBER_OR_LETTER = re.compile(rf"{_NUMBER.pattern}|[IVX]+|[A-Z]", re.DOTALL)
# The last word of a sentence if a capital follows.
_MAY_END = frozenset(["al", "etc"])
# The same, but names follow them: the sentence ends if a word follows that often begins sentences.
_MAY_PRECEDE_NAME = frozenset(
    "inc corp ltd co jr sr univ dept proc conf trans int sp spp str syn suppl supp".split()
)
# Names that follow an abbreviated genus and are often capitalized: "S. Typhimurium".
_EPITHETS = frozenset(
    "Typhimurium Enteritidis Typhi Paratyphi Choleraesuis Gallinarum Pullorum Dublin Newport"
    " Heidelberg Infantis Kentucky Virchow Hadar Agona Montevideo Derby Saintpaul Javiana Anatum"
    " Senftenberg Mbandaka Thompson Braenderup Muenchen Stanley Weltevreden Arizonae Coli Aureus"
    " Subtilis Cerevisiae Elegans Melanogaster Pneumoniae Aeruginosa Tuberculosis Faecalis Faecium"
    " Monocytogenes Difficile Pylori Jejuni Perfringens Epidermidis Pneumophila Cholerae Pestis"
    " Falciparum Vivax Albicans Fumigatus Thaliana Sapiens Musculus Norvegicus Rerio Enterica"
    " Syringae Fluorescens Putida Tumefaciens Lactis Plantarum Acidophilus Pombe Mansoni Cruzi"
    " Brucei Donovani".split()
)
_DOTTED = re.compile(r"[^\W\d_]{1,2}(?:\.-?[^\W\d_]{1,2})+")
_BEFORE_NAME = frozenset(["", *"by of and from with to in as see after for or ( [ , ; : &".split()])
_BEFORE_LIST_NUMBER = frozenset(["", ":", ";"])
_LIST_NUMBER = re.compile(r"\d{1,3}(?:\.\d{1,3})*|[ivxIVX]+|[a-zA-Z]")


class _Boundaries(NamedTuple):
    """
    Where sentences begin in a list of words.

    # Parameters

    starts : `List[int]`
        The first word of each sentence but the first.
    joined : `List[int]`
        The periods that belong to the word before, an abbreviation, in order.
    """

    starts: List[int]
    joined: List[int]


def _has_capitalized_sentences(text: str) -> bool:
    """
    Tell whether the sentences of a text begin with capitals.

    If so, a word in small letters begins no sentence. Names such as "mRNA" or "E. coli" in a text
    without capitals do not count.
    """
    first = _FIRST_LETTER.match(text)
    if first is not None and first.group(1).isupper():
        return True
    others = [match.group(1) for match in _LETTER_AFTER_STOP.finditer(text)]
    is_small = any(map(str.islower, others)) or (first is not None and first.group(1).islower())
    return not is_small or any(map(str.isupper, others))


def _add_paragraph(
    result: TokenizedText, text: str, start: int, end: int, capitalized: bool
) -> None:
    offsets = _words(text, start, end)
    words = [text[first:last] for first, last in offsets]
    touching = [first == last for (_, last), (first, _) in zip([(-1, -1), *offsets], offsets)]
    starts, joined = _find_sentences(words, touching, capitalized)
    # From the end, so that positions before a joined period stay valid.
    for position in reversed(joined):
        words[position - 1 : position + 1] = [words[position - 1] + words[position]]
        offsets[position - 1 : position + 1] = [(offsets[position - 1][0], offsets[position][1])]
    # The sentences begin as many words earlier as periods before them are joined.
    bounds = [0, *(start - bisect(joined, start) for start in starts), len(words)]
    result.offsets.extend(offsets)
    result.sentences.extend(words[a:b] for a, b in zip(bounds, bounds[1:]) if a < b)


def _find_sentences(
    words: Sequence[str], touching: Sequence[bool], capitalized: bool
) -> _Boundaries:
    """
    Find the sentences of a paragraph.

    # Parameters

    words : `Sequence[str]`
    touching : `Sequence[bool]`
        Whether there is no space before each word.
    capitalized : `bool`
        Whether sentences begin with capitals.
    """
    starts, joined = [], []
    # The last two words of the sentence so far, with their periods.
    previous, last = "", ""
    ended = False
    # The last word of a citation that follows the end of a sentence and belongs to it.
    citation_end = -1
    for position, word in enumerate(words):
        if ended and position > citation_end:
            end = _citation_end(words, touching, position)
            follows_citation = position == citation_end + 1 and touching[position]
            if end is not None:
                citation_end = end
            elif follows_citation and word in _BETWEEN_CITATIONS:
                citation_end = position
            elif not _closes(word, touching[position]):
                # Not in formulas: "$n!$", "O(k.(d+n)^2)".
                is_formula = touching[position] and (
                    words[position - 1] in ("!", "?")
                    or (follows_citation and not word[0].isalnum())
                )
                if _can_begin(word, capitalized) and not is_formula:
                    starts.append(position)
                    previous, last = "", ""
                ended = False
        if word[-1] in _STOPS and _STOP.fullmatch(word):
            in_word, ends = False, True
            if word == "." and last and touching[position]:
                following = words[position + 1] if position + 1 < len(words) else None
                in_word, ends = _read_period(previous, last, following, capitalized)
            if position > citation_end:
                ended = ends
            if in_word:
                joined.append(position)
                last += word
                continue
        previous, last = last, word
    return _Boundaries(starts, joined)


def _citation_end(words: Sequence[str], touching: Sequence[bool], position: int) -> Optional[int]:
    """
    Return the closing bracket of a citation or aside that follows the end of a sentence.

    Right after the period these are brackets with anything, "LSTM.[4]" and "IL-2.(see Fig. 2)",
    except the number of a list, "(4)", and whole sentences. After a space they are numbers in
    square brackets, "LSTM. [4]".
    """
    closing = _BRACKET_PAIRS.get(words[position])
    if closing is None:
        return None
    end = position + 1
    while end < len(words) and end - position <= _LONGEST_CITATION and words[end] != closing:
        end += 1
    if end >= len(words) or words[end] != closing or end == position + 1:
        return None
    content = words[position + 1 : end]
    if closing == "]":
        is_citation = touching[position] or all(map(_CITED.fullmatch, content))
    else:
        is_number = len(content) == 1 and _LIST_NUMBER.fullmatch(content[0]) is not None
        is_sentence = len(content) > _LONGEST_REFERENCE and content[0][0].isupper()
        is_citation = touching[position] and not is_number and not is_sentence
    return end if is_citation else None


def _closes(word: str, touching: bool) -> bool:
    """Tell whether a word after the end of a sentence still belongs to it."""
    if touching:
        return word in _CLOSING or _STOP.fullmatch(word) is not None
    return word in ("''", "”")


def _can_begin(word: str, capitalized: bool) -> bool:
    # "n-gram" and "mRNA" begin sentences; "range" after an unknown abbreviation does not.
    return word[0] not in _CANNOT_BEGIN and not (capitalized and word.isalpha() and word.islower())


def _read_period(
    previous: str, word: str, following: Optional[str], capitalized: bool
) -> Tuple[bool, bool]:
    """
    Interpret a period right after a word.

    # Parameters

    previous, word : `str`
        The last two words of the sentence up to the period; `previous` may be empty.
    following : `str`, optional
        The word after the period; `None` at the end of a paragraph.
    capitalized : `bool`
        Whether sentences begin with capitals.

    # Returns

    `Tuple[bool, bool]`
        Whether the period is part of the word, an abbreviation, and whether the sentence may end
        here.
    """
    # "Cf" at the beginning of a sentence is "cf", but "IE" is not "ie" and "P" is not "p".
    usual = word[0].lower() + word[1:] if len(word) > 1 else word
    capital = following is not None and following[0].isupper()
    is_small = following is not None and following.isalpha() and following.islower()
    begins = (
        following is not None
        and following.lower() in _BEGINS_SENTENCE
        and (capital or not capitalized)
    )
    new_sentence = following is None or begins
    if usual in _INTRODUCES or word in _INTRODUCES:
        return True, False
    if usual in _RANKS and is_small and not begins:
        return True, False
    if usual in _NUMBERED and following is not None:
        number = _NUMBER if word[0].islower() else _NUMBER_OR_LETTER
        if number.fullmatch(following):
            return True, False
    if usual in _MAY_END:
        return True, capital or begins
    if usual in _MAY_PRECEDE_NAME or _DOTTED.fullmatch(word):
        return True, new_sentence
    if len(word) == 1 and word.isupper() and following is not None:
        in_name = previous[:1].isupper() or previous[-1:] == "." or previous in _BEFORE_NAME
        small = following[0].islower()
        if small or following in _EPITHETS or capital and in_name and not new_sentence:
            return True, False
    # "We do two things: 1. Firstly …"
    if previous in _BEFORE_LIST_NUMBER and _LIST_NUMBER.fullmatch(word):
        return False, False
    # "e. coli", but not an article in front of a stray period.
    if len(word) == 1 and word.islower() and word != "a" and is_small and not begins:
        return True, False
    return False, True
