"""Blank words, which other tools' files hold, and at which no entity may start or end."""

from dataclasses import replace
from typing import Dict, List, Optional, Tuple

from sept_runtime.documents import AnnotatedRelation, AnnotatedSpan, Document, Prediction, SoftSpan


def is_blank(word: str) -> bool:
    """Tell whether a word holds no character but white space."""
    return not word.strip()


def without_blank_words(document: Document) -> Tuple[Document, Optional[List[int]]]:
    """
    Return the document without its blank words, and the index that each remaining word had.

    Annotated entities that start or end at a blank word are narrowed; entities of blank words alone
    and their relations are dropped. The indices are `None` if the document has no blank word; it is
    returned as it is then.
    """
    words = document.words
    kept = [index for index, word in enumerate(words) if not is_blank(word)]
    if len(kept) == len(words):
        return document, None
    # For each word the number of those that remain before it, which is its new index.
    before = [0]
    for word in words:
        before.append(before[-1] + (not is_blank(word)))

    def narrowed(start: int, end: int) -> Optional[Tuple[int, int]]:
        first, last = before[start], before[end + 1] - 1
        return (first, last) if first <= last else None

    changed = replace(
        document,
        sentences=[[word for word in each if not is_blank(word)] for each in document.sentences],
    )
    if document.offsets is not None:
        changed.offsets = [document.offsets[index] for index in kept]
    if document.entities is not None:
        entities: Dict[Tuple[int, int], AnnotatedSpan] = {}
        for entity in document.entities:
            place = narrowed(entity.start, entity.end)
            if place is not None:
                entities.setdefault(place, entity._replace(start=place[0], end=place[1]))
        changed.entities = list(entities.values())
    if document.relations is not None:
        ends = [(narrowed(*each.head), narrowed(*each.tail), each) for each in document.relations]
        changed.relations = [
            AnnotatedRelation(head, tail, relation.label)
            for head, tail, relation in ends
            if head is not None and tail is not None and head != tail
        ]
    if document.soft is not None:
        spans: Dict[Tuple[int, int], SoftSpan] = {}
        for span in document.soft.spans:
            place = narrowed(span.start, span.end)
            if place is not None:
                spans[place] = span._replace(start=place[0], end=place[1])
        changed.soft = document.soft._replace(spans=list(spans.values()))
        if document.soft.relations is not None:
            found = [
                (narrowed(*p.head), narrowed(*p.tail), p) for p in document.soft.relations.pairs
            ]
            pairs = [
                pair._replace(head=head, tail=tail)
                for head, tail, pair in found
                if head is not None and tail is not None and head != tail
            ]
            changed.soft = changed.soft._replace(
                relations=document.soft.relations._replace(pairs=pairs)
            )
    return changed, kept


def with_blank_words(prediction: Prediction, kept: List[int]) -> Prediction:
    """Return a prediction for a document without blank words as one for the whole document."""
    changed = prediction._replace(
        entities=[
            span._replace(start=kept[span.start], end=kept[span.end])
            for span in prediction.entities
        ]
    )
    soft = prediction.soft
    if soft is None:
        return changed
    spans = [each._replace(start=kept[each.start], end=kept[each.end]) for each in soft.spans]
    soft = soft._replace(spans=spans)
    if soft.relations is not None:
        pairs = [
            pair._replace(
                head=(kept[pair.head[0]], kept[pair.head[1]]),
                tail=(kept[pair.tail[0]], kept[pair.tail[1]]),
            )
            for pair in soft.relations.pairs
        ]
        soft = soft._replace(relations=soft.relations._replace(pairs=pairs))
    return changed._replace(soft=soft)
