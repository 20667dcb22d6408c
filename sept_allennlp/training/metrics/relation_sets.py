"""Relations as sets, whose intersections the strict scores count."""

from typing import AbstractSet, Dict, Hashable, Iterable, Literal, Sequence, Set, Tuple

from sept_runtime.documents import AnnotatedRelation, Span

# The senses in which a relation is right; `StrictRelationF1` defines them.
Sense = Literal["rel", "rel_plus"]
SENSES: Tuple[Sense, ...] = ("rel", "rel_plus")


def relation_sets(
    relations: Iterable[AnnotatedRelation],
    entities: Sequence[Span],
    symmetric_labels: AbstractSet[str],
) -> Dict[Sense, Set[Tuple[Hashable, str]]]:
    """
    Return the relations of a document as a set, in each sense.

    # Parameters

    relations : `Iterable[AnnotatedRelation]`
        Annotated relations, or predicted ones in the same form.
    entities : `Sequence[Span]`
        The entities of the relations.
    symmetric_labels : `AbstractSet[str]`
        The labels of relations without a direction: these are the same in either order.

    # Returns

    For each sense a set, with the parts of each relation that have to be right, and its label.
    """
    labels = {(entity.start, entity.end): entity.label for entity in entities}
    sets: Dict[Sense, Set[Tuple[Hashable, str]]] = {sense: set() for sense in SENSES}
    for relation in relations:
        head, tail, label = relation.directed(symmetric_labels)
        sets["rel"].add(((head, tail), label))
        sets["rel_plus"].add((((head, labels.get(head)), (tail, labels.get(tail))), label))
    return sets
