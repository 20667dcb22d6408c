"""Predicted relations compared with annotated ones."""

from typing import AbstractSet, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from sept_runtime.documents import AnnotatedRelation, Document, Prediction, Span
from sept_runtime.formats.predictions import PredictedDocument
from sept_runtime.formats.scierc import SYMMETRIC_LABELS
from sept_runtime.views.html.comparison import FOUND, MISSED, UNJUDGED, WRONG

# The words of the head and of the tail.
_Pair = Tuple[Tuple[int, int], Tuple[int, int]]


class JudgedRelation(NamedTuple):
    """A relation between two entities with what the comparison says of it."""

    head: Span
    tail: Span
    label: str
    score: Optional[float] = None
    mark: str = UNJUDGED
    note: str = ""
    # Whether it says the same the other way round.
    is_symmetric: bool = False

    @property
    def pair(self) -> _Pair:
        """First and last word of the head, and of the tail."""
        return (self.head.start, self.head.end), (self.tail.start, self.tail.end)


def compare_relations(document: PredictedDocument) -> List[JudgedRelation]:
    """
    Mark each relation of a document, annotated or predicted, and order them by their heads.

    A relation is right if its label and the places of both entities are, whatever the entities'
    labels, and of labels that hold in both directions whichever entity is the head. Which do, the
    predictions say; where they do not, they are SciERC's. Where the document has only an annotation
    or only predictions, its relations are `UNJUDGED`. Of a model that knows of no relations none
    are missed.
    """
    symmetric: AbstractSet[str] = SYMMETRIC_LABELS
    if document.predicted is not None and document.predicted.symmetric_labels is not None:
        symmetric = frozenset(document.predicted.symmetric_labels)
    gold = _distinct(_annotated(document.document), symmetric)
    if document.predicted is None:
        relations = list(gold.values())
    elif document.predicted.relations is None:
        relations = []
    else:
        predicted = _distinct(_predicted(document.predicted), symmetric)
        if document.document.entities is None or document.document.relations is None:
            relations = list(predicted.values())
        else:
            relations = [*_judged(predicted, gold), *_missed(predicted, gold)]
    return sorted(relations, key=lambda relation: (relation.pair, relation.label))


def _annotated(document: Document) -> Iterator[JudgedRelation]:
    entities = {(entity.start, entity.end): entity for entity in document.entities or []}
    for head, tail, label in document.relations or []:
        yield JudgedRelation(entities[head], entities[tail], label)


def _predicted(prediction: Prediction) -> Iterator[JudgedRelation]:
    for head, tail, label, score in prediction.relations or []:
        yield JudgedRelation(prediction.entities[head], prediction.entities[tail], label, score)


_Relations = Dict[AnnotatedRelation, JudgedRelation]


def _distinct(relations: Iterable[JudgedRelation], symmetric: AbstractSet[str]) -> _Relations:
    """The relations by what has to be right of each, none twice."""
    distinct: _Relations = {}
    for relation in relations:
        key = AnnotatedRelation(*relation.pair, relation.label).directed(symmetric)
        distinct.setdefault(key, relation._replace(is_symmetric=relation.label in symmetric))
    return distinct


def _judged(predicted: _Relations, gold: _Relations) -> Iterator[JudgedRelation]:
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


def _missed(predicted: _Relations, gold: _Relations) -> Iterator[JudgedRelation]:
    for key, relation in gold.items():
        if key not in predicted:
            yield relation._replace(mark=MISSED, note="missed: only in the gold annotation")
