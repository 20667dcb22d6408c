"""
The layout of a text with entities.

The text is cut into pieces where HTML elements begin and end. Elements nest and never cross, as
entities may. Each entity is drawn in a row below the line.
"""

import unicodedata
from bisect import bisect, insort
from collections import defaultdict
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Dict, Iterable, List, NamedTuple, Sequence

from sept_runtime.documents import Document, Span
from sept_runtime.tokenization.words import restore_brackets
from sept_runtime.views.html.comparison import JudgedEntity

# Widths in characters of the text: a character of a label, whose font is smaller; a label's padding
# and the space up to the next; and the margin that labels at the end of a line may extend into.
_LABEL_TO_TEXT_WIDTH = 0.8
_LABEL_PADDING = 2.5
_MARGIN = 8


class Opening(NamedTuple):
    """An element for an entity; a second one if the entity goes on after one that it crosses."""

    entity: JudgedEntity
    row: int
    is_first: bool


class Piece(NamedTuple):
    """A part of the text. Before it, `closes` elements end, and then those in `opens` begin."""

    closes: int
    opens: List[Opening]
    text: str


def words_and_gaps(document: Document) -> List[str]:
    """Return the text in parts: word `i` at index `2 * i`, and between words their separators."""
    words, gaps = document.words, [" "] * len(document.words)
    if document.text is not None and document.offsets is not None:
        text, offsets = document.text, document.offsets
        words = [text[start:end] for start, end in offsets]
        gaps = [text[end:start] for (_, end), (start, _) in pairwise(offsets)] + [""]
    return [part for pair in zip(restore_brackets(words), gaps) for part in pair][:-1]


def text_of(span: Span, texts: Sequence[str]) -> str:
    """Return the text of a span from the parts that `words_and_gaps` returns."""
    return "".join(texts[2 * span.start : 2 * span.end + 1])


def lay_out(texts: Sequence[str], entities: Sequence[JudgedEntity]) -> List[Piece]:
    """
    Cut a document's text, the parts that `words_and_gaps` returns, where entities start and end.

    Every element that is opened is closed.
    """
    starting: Dict[int, List[Opening]] = defaultdict(list)
    for entity, row in zip(entities, _rows(_extents(entities, texts))):
        starting[2 * entity.start].append(Opening(entity, row, True))
    bounds = sorted({0, *starting, *(2 * entity.end + 1 for entity in entities)})

    pieces = []
    is_open: List[Opening] = []
    for begin, end in zip(bounds, [*bounds[1:], len(texts)]):
        ended = [2 * opening.entity.end < begin for opening in is_open]
        kept = ended.index(True) if True in ended else len(is_open)
        closed, is_open = is_open[kept:], is_open[:kept]
        opens = starting[begin] + [
            opening._replace(is_first=False)
            for opening in closed
            if 2 * opening.entity.end >= begin
        ]
        # The entity that ends last is outermost, so that few elements have to be reopened.
        opens.sort(key=lambda opening: -opening.entity.end)
        is_open += opens
        pieces.append(Piece(len(closed), opens, "".join(texts[begin:end])))
    return pieces


def direction_of(words: Iterable[str]) -> str:
    """Return the writing direction, `"ltr"` or `"rtl"`, of the first letter that has one."""
    for word in words:
        for character in word:
            kind = unicodedata.bidirectional(character)
            if kind in ("R", "AL"):
                return "rtl"
            if kind == "L":
                return "ltr"
    return "ltr"


class _Extent(NamedTuple):
    """
    The horizontal extent of an entity, in characters from the start of the text.

    `start` and `end` are those of its bar, `label_end` is the end of its label, and `reach` is how
    far the label may have to move back from the end of a line.
    """

    start: float
    end: float
    label_end: float
    reach: float


def _extents(entities: Sequence[JudgedEntity], texts: Sequence[str]) -> List[_Extent]:
    positions = [0, *accumulate(map(_width, texts))]
    extents = []
    for entity in entities:
        start, first_word_end = positions[2 * entity.start : 2 * entity.start + 2]
        label_end = start + _width(entity.caption) * _LABEL_TO_TEXT_WIDTH + _LABEL_PADDING
        reach = max(0, label_end - first_word_end - _MARGIN)
        extents.append(_Extent(start, positions[2 * entity.end + 1], label_end, reach))
    return extents


def _rows(extents: Sequence[_Extent]) -> List[int]:
    """
    Choose the row of each entity, counted from 1.

    It is the first row in which neither its bar nor its label meets another's. Short entities come
    first, so that the outer of two is further from the text.
    """
    taken: List[List[_Extent]] = []
    rows = [0] * len(extents)
    for index in sorted(range(len(extents)), key=lambda i: extents[i].end - extents[i].start):
        extent = extents[index]
        row = next((n for n, others in enumerate(taken) if _is_free(extent, others)), len(taken))
        if row == len(taken):
            taken.append([])
        insort(taken[row], extent)
        rows[index] = row + 1
    return rows


def _is_free(extent: _Extent, taken: Sequence[_Extent]) -> bool:
    index = bisect(taken, extent)
    neighbors = [*taken[max(0, index - 1) : index], extent, *taken[index : index + 1]]
    return all(
        left.end <= right.start and left.label_end <= right.start - right.reach
        for left, right in pairwise(neighbors)
    )


@lru_cache(maxsize=2**16)
def _width(text: str) -> float:
    """Return the width of a text in lower-case Latin letters."""
    return sum(
        2 if unicodedata.east_asian_width(character) in "WF" else 1.3 if character.isupper() else 1
        for character in text
    )
