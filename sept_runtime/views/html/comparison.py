"""Compare predicted entities and relations with annotated ones: found, missed, wrong."""

from typing import AbstractSet, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from sept_runtime.documents import AnnotatedRelation, Document, Prediction, Span
from sept_runtime.formats.predictions import PredictedDocument
from sept_runtime.formats.scierc import SYMMETRIC_LABELS

FOUND, MISSED, WRONG, UNJUDGED = "found", "missed", "wrong", "unjudged"
# Marks speak by sign and shape, not by color alone.
SIGNS = {FOUND: "✓ ", MISSED: "missed: ", WRONG: "✗ ", UNJUDGED: ""}


class JudgedEntity(NamedTuple):
    """An entity and the result of its comparison."""

    start: int
    end: int
    label: str
    score: Optional[float] = None
    mark: str = UNJUDGED
    note: str = ""

    @property
    def caption(self) -> str:
        """Return the label with the sign of its mark."""
        return SIGNS[self.mark] + self.label

    @property
    def tooltip(self) -> str:
        """Return the label, the score and the result of the comparison."""
        score = "" if self.score is None else f"score {self.score:.3f}"
        return " · ".join(filter(None, (self.label, score, self.note)))


def compare(document: PredictedDocument) -> List[JudgedEntity]:
    """
    Mark each entity of a document, annotated or predicted, and order them by start and end.

    An entity is right if its start, end and label are. If the document has only an annotation or
    only predictions, its entities are `UNJUDGED`.
    """
    gold = document.document.entities
    if document.predicted is None:
        entities = {JudgedEntity(span.start, span.end, span.label) for span in gold or []}
    elif gold is None:
        entities = {
            JudgedEntity(span.start, span.end, span.label, span.score)
            for span in document.predicted_entities
        }
    else:
        entities = {*_predicted(document), *_missed(document)}
    return sorted(entities, key=lambda entity: entity[:3])


def _predicted(document: PredictedDocument) -> Iterator[JudgedEntity]:
    gold_label = {(span.start, span.end): span.label for span in document.document.entities or []}
    for span in document.predicted_entities:
        label = gold_label.get((span.start, span.end))
        if label is None:
            mark, note = WRONG, "wrong: not in the gold annotation"
        elif label == span.label:
            mark, note = FOUND, "as in the gold annotation"
        else:
            mark, note = WRONG, f"wrong: in the gold annotation it is {label}"
        yield JudgedEntity(span.start, span.end, span.label, span.score, mark, note)


def _missed(document: PredictedDocument) -> Iterator[JudgedEntity]:
    predicted = {(span.start, span.end, span.label) for span in document.predicted_entities}
    for span in document.document.entities or []:
        if (span.start, span.end, span.label) not in predicted:
            note = "missed: only in the gold annotation"
            yield JudgedEntity(span.start, span.end, span.label, None, MISSED, note)


# The words of the head and of the tail.
_Pair = Tuple[Tuple[int, int], Tuple[int, int]]


class JudgedRelation(NamedTuple):
    """A relation between two entities and the result of its comparison."""

    head: Span
    tail: Span
    label: str
    score: Optional[float] = None
    mark: str = UNJUDGED
    note: str = ""
    # True if it has no direction.
    is_symmetric: bool = False

    @property
    def pair(self) -> _Pair:
        """Return the first and last word of the head, and of the tail."""
        return (self.head.start, self.head.end), (self.tail.start, self.tail.end)


def compare_relations(document: PredictedDocument) -> List[JudgedRelation]:
    """
    Mark each relation of a document, annotated or predicted, and order them by their heads.

    A relation is right if its label and the start and end of both entities are; the labels of the
    entities do not count, nor does the direction of symmetric labels. Those are listed by the
    predictions, and are SciERC's by default. If the document has only an annotation or only
    predictions, its relations are `UNJUDGED`. A model that finds no relations misses none.
    """
    symmetric: AbstractSet[str] = SYMMETRIC_LABELS
    if document.predicted is not None and document.predicted.symmetric_labels is not None:
        symmetric = frozenset(document.predicted.symmetric_labels)
    gold = _distinct(_annotated_relations(document.document), symmetric)
    if document.predicted is None:
        relations = list(gold.values())
    elif document.predicted.relations is None:
        relations = []
    else:
        predicted = _distinct(_predicted_relations(document.predicted), symmetric)
        if document.document.entities is None or document.document.relations is None:
            relations = list(predicted.values())
        else:
            relations = [*_judged_relations(predicted, gold), *_missed_relations(predicted, gold)]
    return sorted(relations, key=lambda relation: (relation.pair, relation.label))


def _annotated_relations(document: Document) -> Iterator[JudgedRelation]:
    entities = {(entity.start, entity.end): entity for entity in document.entities or []}
    for head, tail, label in document.relations or []:
        yield JudgedRelation(entities[head], entities[tail], label)


def _predicted_relations(prediction: Prediction) -> Iterator[JudgedRelation]:
    for head, tail, label, score in prediction.relations or []:
        yield JudgedRelation(prediction.entities[head], prediction.entities[tail], label, score)


_Relations = Dict[AnnotatedRelation, JudgedRelation]


def _distinct(relations: Iterable[JudgedRelation], symmetric: AbstractSet[str]) -> _Relations:
    """Index relations by the properties that are compared, each once."""
    distinct: _Relations = {}
    for relation in relations:
        key = AnnotatedRelation(*relation.pair, relation.label).directed(symmetric)
        distinct.setdefault(key, relation._replace(is_symmetric=relation.label in symmetric))
    return distinct


def _judged_relations(predicted: _Relations, gold: _Relations) -> Iterator[JudgedRelation]:
    gold_label = {relation.pair: relation.label for relation in gold.values()}
    for key, relation in predicted.items():
        if key in gold:
            mark, note = FOUND, "as in the gold annotation"
        else:
            mark, note = WRONG, _what_is_wrong(relation, gold_label)
        yield relation._replace(mark=mark, note=note)


def _what_is_wrong(relation: JudgedRelation, gold_label: Dict[_Pair, str]) -> str:
    head, tail = relation.pair
    if (head, tail) in gold_label:
        return f"wrong: in the gold annotation it is {gold_label[head, tail]}"
    if (tail, head) in gold_label:
        label = gold_label[tail, head]
        return f"wrong: in the gold annotation it is {label}, the other way round"
    return "wrong: not in the gold annotation"


def _missed_relations(predicted: _Relations, gold: _Relations) -> Iterator[JudgedRelation]:
    for key, relation in gold.items():
        if key not in predicted:
            yield relation._replace(mark=MISSED, note="missed: only in the gold annotation")
