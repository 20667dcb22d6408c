"""What makes a relation right, as sets of what has to be."""

from typing import AbstractSet, Dict, Hashable, Iterable, Literal, Sequence, Set, Tuple

from sept_runtime.documents import AnnotatedRelation, Span

# In which sense a relation is right; `StrictRelationF1` says what they mean.
Sense = Literal["rel", "rel_plus"]
SENSES: Tuple[Sense, ...] = ("rel", "rel_plus")


def relation_sets(
    relations: Iterable[AnnotatedRelation],
    entities: Sequence[Span],
    symmetric_labels: AbstractSet[str],
) -> Dict[Sense, Set[Tuple[Hashable, str]]]:
    """
    The relations of a document in both senses.

    # Parameters

    relations : `Iterable[AnnotatedRelation]`
        The annotated ones, or the predicted ones as an annotation would have them.
    entities : `Sequence[Span]`
        Between which they are.
    symmetric_labels : `AbstractSet[str]`
        The labels of relations without a direction: one is the same in either order.

    # Returns

    Under each sense, for each relation what has to be right of it, and its label.
    """
    labels = {(entity.start, entity.end): entity.label for entity in entities}
    sets: Dict[Sense, Set[Tuple[Hashable, str]]] = {sense: set() for sense in SENSES}
    for relation in relations:
        head, tail, label = relation.directed(symmetric_labels)
        sets["rel"].add(((head, tail), label))
        sets["rel_plus"].add((((head, labels.get(head)), (tail, labels.get(tail))), label))
    return sets
