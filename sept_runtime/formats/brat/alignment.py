"""From brat's annotations, which speak of characters, to spans of words."""

from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from sept_runtime.documents import AnnotatedRelation, AnnotatedSpan, Document, DocumentError

# What to do with an entity that words of one sentence cannot express, or a relation across two.
MISALIGNED_POLICIES = ("error", "skip", "widen")


class TextBound(NamedTuple):
    """
    What brat calls a text-bound annotation.

    # Parameters

    where : `str`
        File and line, for messages.
    type : `str`
    fragments : `List[Tuple[int, int]]`
        The first character of each piece and the one after its last.
    surface : `str`, optional
        What the text was there.
    """

    where: str
    type: str
    fragments: List[Tuple[int, int]]
    surface: Optional[str]

    @property
    def extent(self) -> Tuple[int, int]:
        """From the first to the last character, whatever is left out between."""
        return (
            min(start for start, _ in self.fragments),
            max(end for _, end in self.fragments),
        )

    def matches(self, text: str) -> bool:
        """Whether the text there is what the annotation says, spaces aside."""
        start, end = self.extent
        if not 0 <= start < end <= len(text):
            return False
        pieces = " ".join(text[start:end] for start, end in self.fragments)
        return self.surface is None or pieces.split() == self.surface.split()


class Arc(NamedTuple):
    """
    What brat calls a relation: `where` as in `TextBound`, its type, and the numbers of the
    annotations that it goes from and to.
    """

    where: str
    type: str
    head: str
    tail: str


def align(
    document: Document,
    annotations: Mapping[str, TextBound],
    labels: Dict[str, str],
    misaligned: str,
    skipped: List[str],
) -> Dict[str, AnnotatedSpan]:
    """
    The entities that annotations make, in their order, by the annotations' numbers. Two
    annotations may make the same.

    # Parameters

    document : `Document`
        With `text` and `offsets`.
    annotations : `Mapping[str, TextBound]`
        By their numbers.
    labels : `Dict[str, str]`
        Which labels brat's types stand for, where the two differ.
    misaligned : `str`
        As for `read_brat`.
    skipped : `List[str]`
        Is given a message for each annotation that is left out.

    # Raises

    `DocumentError` for an annotation that is no entity, unless such are skipped.
    """
    sentence_ids = document.sentence_ids
    entities: Dict[Tuple[int, int], AnnotatedSpan] = {}
    aligned: Dict[str, AnnotatedSpan] = {}
    for number, annotation in annotations.items():
        label = labels.get(annotation.type, annotation.type)
        try:
            span = _words_of(annotation, document, sentence_ids, widen=misaligned == "widen")
            if entities.setdefault(span, AnnotatedSpan(*span, label)).label != label:
                raise _Misaligned(
                    f"its words are already labeled {entities[span].label!r}; a span has one "
                    "label: delete one of the two"
                )
            aligned[number] = entities[span]
        except _Misaligned as fault:
            surface = annotation.surface or ""
            message = f"{annotation.where}: {annotation.type} {surface!r}: {fault}"
            if misaligned != "skip":
                raise DocumentError(f"{message}; or skip such entities (--misfits skip)") from None
            skipped.append(message)
    return aligned


def connect(
    document: Document,
    arcs: Iterable[Arc],
    entities: Mapping[str, AnnotatedSpan],
    labels: Dict[str, str],
    misaligned: str,
    skipped: List[str],
) -> List[AnnotatedRelation]:
    """
    The relations between entities that arcs make, in their order, none twice.

    # Parameters

    document : `Document`
    arcs : `Iterable[Arc]`
    entities : `Mapping[str, AnnotatedSpan]`
        What `align` gave.
    labels : `Dict[str, str]`
        As for `align`, those of relations.
    misaligned, skipped :
        As for `align`.

    # Raises

    `DocumentError` for an arc that is no relation, unless such are skipped.
    """
    sentence_ids = document.sentence_ids
    relations: Dict[AnnotatedRelation, None] = {}
    for arc in arcs:
        try:
            head, tail = _ends_of(arc, entities, sentence_ids)
            label = labels.get(arc.type, arc.type)
            relations[AnnotatedRelation(head, tail, label)] = None
        except _Misaligned as fault:
            message = f"{arc.where}: {arc.type} from {arc.head} to {arc.tail}: {fault}"
            if misaligned != "skip":
                raise DocumentError(f"{message}; or skip such relations (--misfits skip)") from None
            skipped.append(message)
    return list(relations)


def _ends_of(
    arc: Arc, entities: Mapping[str, AnnotatedSpan], sentence_ids: Sequence[int]
) -> Tuple[Tuple[int, int], Tuple[int, int]]:
    """The places of an arc's entities; raises `_Misaligned`."""
    left_out = [number for number in (arc.head, arc.tail) if number not in entities]
    if left_out:
        raise _Misaligned(f"{left_out[0]} has been skipped")
    head, tail = entities[arc.head], entities[arc.tail]
    if sentence_ids[head.start] != sentence_ids[tail.start]:
        raise _Misaligned("its entities are in two sentences: delete it")
    if head == tail:
        raise _Misaligned("it relates an entity to itself: delete it")
    return (head.start, head.end), (tail.start, tail.end)


def join_crossed_sentences(document: Document, annotations: Iterable[TextBound]) -> None:
    """
    Where sentences were only guessed, an annotation across the end of one says otherwise: makes one
    sentence of the two.
    """
    sentence_ids = document.sentence_ids
    joined: Set[int] = set()
    for annotation in annotations:
        words = _touched(document.offsets or [], *annotation.extent)
        if words:
            joined.update(range(sentence_ids[words[0]] + 1, sentence_ids[words[-1]] + 1))
    sentences: List[List[str]] = []
    for index, sentence in enumerate(document.sentences):
        if index in joined:
            sentences[-1] = sentences[-1] + sentence
        else:
            sentences.append(sentence)
    document.sentences = sentences


def stripped(text: str, start: int, end: int) -> Tuple[int, int]:
    """A stretch of the text without the white space at its ends."""
    content = text[start:end].lstrip()
    return end - len(content), end - len(content) + len(content.rstrip())


class _Misaligned(Exception):
    """An annotation that words of one sentence cannot express; the message says why."""


def _words_of(
    annotation: TextBound, document: Document, sentence_ids: Sequence[int], widen: bool
) -> Tuple[int, int]:
    """The first and the last word of an annotation; raises `_Misaligned`."""
    text, offsets = document.text or "", document.offsets or []
    start, end = annotation.extent
    if not 0 <= start < end <= len(text):
        raise _Misaligned(f"{start} to {end} is no place in the text of {len(text)} characters")
    if not annotation.matches(text):
        raise _Misaligned(
            f"the text there is {text[start:end]!r}; text and annotation are not of the same "
            "version: restore the text, or annotate it anew"
        )
    words = _touched(offsets, start, end)
    if not words:
        raise _Misaligned("there is no word there")
    first, last = words[0], words[-1]
    if sentence_ids[first] != sentence_ids[last]:
        raise _Misaligned("it crosses the end of a sentence: split it in two")
    if not widen:
        _check_whole(annotation, text, stripped(text, offsets[first][0], offsets[last][1]))
    return first, last


def _check_whole(annotation: TextBound, text: str, words: Tuple[int, int]) -> None:
    """Raises `_Misaligned` for an annotation that is not all of the words that it touches."""
    for (_, gap_start), (gap_end, _) in pairwise(sorted(annotation.fragments)):
        left_out = text[gap_start:gap_end].strip()
        if left_out:
            raise _Misaligned(
                f"it leaves out {left_out!r} in its middle: annotate one stretch of text, or take "
                "the words between in (--misfits widen)"
            )
    (start, end), (words_start, words_end) = annotation.extent, words
    if start > words_start or end < words_end:
        raise _Misaligned(
            "it begins or ends inside a word: move its borders to "
            f"{text[words_start:words_end]!r}, or have that done for all (--misfits widen)"
        )


def _touched(offsets: Sequence[Tuple[int, int]], start: int, end: int) -> range:
    """The words that share a character with a stretch of the text."""
    first = bisect_right(offsets, start, key=lambda offset: offset[1])
    return range(first, bisect_left(offsets, end, key=lambda offset: offset[0]))
