"""Convert brat's annotations, which count characters, to spans of words."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from sept_runtime.documents import AnnotatedRelation, AnnotatedSpan, Document, DocumentError

# What to do with an entity that is not whole words of one sentence, or a relation across two.
MISALIGNED_POLICIES = ("error", "skip", "widen")


class TextBound(NamedTuple):
    """
    A text-bound annotation of brat.

    # Parameters

    where : `str`
        File and line, for messages.
    type : `str`
    fragments : `List[Tuple[int, int]]`
        The first character of each piece and the one after its last.
    surface : `str`, optional
        The annotated text.
    """

    where: str
    type: str
    fragments: List[Tuple[int, int]]
    surface: Optional[str]

    @property
    def extent(self) -> Tuple[int, int]:
        """Return the first character and the one after the last, gaps included."""
        return (
            min(start for start, _ in self.fragments),
            max(end for _, end in self.fragments),
        )

    def matches(self, text: str) -> bool:
        """Tell whether the text there is the annotation's, white space aside."""
        start, end = self.extent
        if not 0 <= start < end <= len(text):
            return False
        pieces = " ".join(text[start:end] for start, end in self.fragments)
        return self.surface is None or pieces.split() == self.surface.split()


class Arc(NamedTuple):
    """
    A relation of brat.

    # Parameters

    where : `str`
        File and line, for messages.
    id, type : `str`
    head, tail : `str`
        The ids of the annotations that it goes from and to.
    """

    where: str
    id: str
    type: str
    head: str
    tail: str


@dataclass
class Losses:
    """
    Messages about annotations that are not read as they are, each with file, line and id.

    # Parameters

    skipped : `List[str]`
        Annotations that do not fit and are left out.
    changed : `List[str]`
        Annotations that are widened, or merged with others.
    """

    skipped: List[str] = field(default_factory=list)
    changed: List[str] = field(default_factory=list)

    def check(self, policy: str) -> None:
        """
        Check that no annotation is misaligned if the policy is "error".

        # Raises

        `DocumentError` with a line for each misaligned annotation.
        """
        if self.skipped and policy == "error":
            raise DocumentError(
                "\n".join(self.skipped)
                + "\nThe annotations above cannot be converted: correct them, leave them out "
                "(--misaligned skip), or widen them to whole words (--misaligned widen)."
            )


def align(
    document: Document,
    annotations: Mapping[str, TextBound],
    labels: Dict[str, str],
    widen: bool,
    losses: Losses,
) -> Dict[str, AnnotatedSpan]:
    """
    Return the entities of annotations, in order, by the annotations' ids.

    Annotations of the same words with the same label have one entity in common.

    # Parameters

    document : `Document`
        With `text` and `offsets`.
    annotations : `Mapping[str, TextBound]`
        By their ids.
    labels : `Dict[str, str]`
        The labels of those of brat's types that have another name.
    widen : `bool`
        Widen annotations to the whole words that they touch.
    losses : `Losses`
        Receives the messages.
    """
    sentence_ids = document.sentence_ids
    # The first annotation of each span, and its entity.
    entities: Dict[Tuple[int, int], Tuple[str, AnnotatedSpan]] = {}
    aligned: Dict[str, AnnotatedSpan] = {}
    for id, annotation in annotations.items():
        label = labels.get(annotation.type, annotation.type)
        what = f"{annotation.where}: {id} {annotation.type} {annotation.surface or ''!r}"
        try:
            span = _words_of(annotation, document, sentence_ids, widen)
            first, entity = entities.setdefault(span, (id, AnnotatedSpan(*span, label)))
            if entity.label != label:
                raise _Misaligned(
                    f"its words are already labeled {entity.label!r}, by {first}; a span has one "
                    "label: delete one of the two"
                )
        except _Misaligned as fault:
            losses.skipped.append(f"{what}: {fault}")
            continue
        aligned[id] = entity
        if first != id:
            losses.changed.append(f"{what}: merged with {first}, which has the same words")
        elif widen:
            assert document.text is not None and document.offsets is not None
            start, end = document.offsets[span[0]][0], document.offsets[span[1]][1]
            words = document.text[start:end]
            covered = " ".join(document.text[start:end] for start, end in annotation.fragments)
            if words.split() != covered.split():
                losses.changed.append(f"{what}: widened to {words!r}")
    return aligned


def connect(
    document: Document,
    arcs: Iterable[Arc],
    entities: Mapping[str, AnnotatedSpan],
    labels: Dict[str, str],
    losses: Losses,
) -> List[AnnotatedRelation]:
    """
    Return the relations of arcs between entities, in order, each once.

    # Parameters

    document : `Document`
    arcs : `Iterable[Arc]`
    entities : `Mapping[str, AnnotatedSpan]`
        As `align` returns them.
    labels : `Dict[str, str]`
        As for `align`, those of relations.
    losses : `Losses`
        Receives the messages.
    """
    sentence_ids = document.sentence_ids
    relations: Dict[AnnotatedRelation, str] = {}
    for arc in arcs:
        what = f"{arc.where}: {arc.id} {arc.type} from {arc.head} to {arc.tail}"
        try:
            head, tail = _ends_of(arc, entities, sentence_ids)
        except _Misaligned as fault:
            losses.skipped.append(f"{what}: {fault}")
            continue
        relation = AnnotatedRelation(head, tail, labels.get(arc.type, arc.type))
        first = relations.setdefault(relation, arc.id)
        if first != arc.id:
            losses.changed.append(f"{what}: merged with {first}, which says the same")
    return list(relations)


def _ends_of(
    arc: Arc, entities: Mapping[str, AnnotatedSpan], sentence_ids: Sequence[int]
) -> Tuple[Tuple[int, int], Tuple[int, int]]:
    """Return the places of an arc's entities, or raise `_Misaligned`."""
    left_out = [number for number in (arc.head, arc.tail) if number not in entities]
    if left_out:
        raise _Misaligned(f"{left_out[0]} is left out")
    head, tail = entities[arc.head], entities[arc.tail]
    if sentence_ids[head.start] != sentence_ids[tail.start]:
        raise _Misaligned("its entities are in two sentences: delete it")
    if head == tail:
        raise _Misaligned("it relates an entity to itself: delete it")
    return (head.start, head.end), (tail.start, tail.end)


def join_crossed_sentences(document: Document, annotations: Iterable[TextBound]) -> None:
    """
    Join two sentences where an annotation crosses the end of the first.

    This is for sentences that were found by rules and not recorded.
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
    """Return a part of the text without the white space at its ends."""
    content = text[start:end].lstrip()
    return end - len(content), end - len(content) + len(content.rstrip())


class _Misaligned(Exception):
    """An annotation that is not whole words of one sentence; the message says why."""


def _words_of(
    annotation: TextBound, document: Document, sentence_ids: Sequence[int], widen: bool
) -> Tuple[int, int]:
    """Return the first and last word of an annotation, or raise `_Misaligned`."""
    text, offsets = document.text or "", document.offsets or []
    start, end = annotation.extent
    if not 0 <= start < end <= len(text):
        raise _Misaligned(
            f"{start} to {end} is not a part of the text, which has {len(text)} characters"
        )
    if not annotation.matches(text):
        raise _Misaligned(
            f"the text there is {text[start:end]!r}; text and annotation are not of the same "
            "version: restore the text, or annotate it again"
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
    """Raise `_Misaligned` for an annotation that is not whole words."""
    for (_, gap_start), (gap_end, _) in pairwise(sorted(annotation.fragments)):
        left_out = text[gap_start:gap_end].strip()
        if left_out:
            raise _Misaligned(
                f"it leaves out {left_out!r} in its middle: annotate one continuous stretch of "
                "text, or use --misaligned widen to include what is left out"
            )
    (start, end), (words_start, words_end) = annotation.extent, words
    if start > words_start or end < words_end:
        raise _Misaligned(
            "it begins or ends inside a word: change it to "
            f"{text[words_start:words_end]!r}, or use --misaligned widen to change all such ones"
        )


def _touched(offsets: Sequence[Tuple[int, int]], start: int, end: int) -> range:
    """Return the words that share a character with a part of the text."""
    first = bisect_right(offsets, start, key=lambda offset: offset[1])
    return range(first, bisect_left(offsets, end, key=lambda offset: offset[0]))
