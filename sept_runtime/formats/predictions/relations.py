"""Read the predicted relations of JSON objects."""

import json
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from sept_runtime.documents import Document, DocumentError, ScoredRelation, ScoredSpan
from sept_runtime.formats.annotation import relations_are_predicted
from sept_runtime.formats.json_lines import JsonObject, is_index
from sept_runtime.formats.predictions.checks import check_label, checked_list


def predicted_relations(
    fields: JsonObject,
    entities: Sequence[ScoredSpan],
    indices: Sequence[int],
    document: Document,
    where: str,
) -> Optional[List[ScoredRelation]]:
    """
    Return the relations of an object of predictions; `None` if there is no prediction.

    They are its `relations`, or else its `predicted_relations`, without those that are not between
    two of the entities, which other systems write. Duplicates count once.

    # Parameters

    fields : `JsonObject`
    entities : `Sequence[ScoredSpan]`
        The object's entities, as it lists them.
    indices : `Sequence[int]`
        The index that each of them gets.
    document : `Document`
    where : `str`

    # Raises

    `DocumentError`, with a message that begins with `where`.
    """
    if relations_are_predicted(fields):
        found = _relations_from_json(fields["relations"], len(entities), where)
    elif fields.get("predicted_relations") is not None:
        found = _relations_in_words(fields["predicted_relations"], entities, where)
    else:
        return None
    sentence_ids = document.sentence_ids
    # If a relation has several scores, the first one counts.
    unique: Dict[Tuple[int, int, str], ScoredRelation] = {}
    for at, relation in found:
        head, tail = indices[relation.head], indices[relation.tail]
        if head == tail:
            raise DocumentError(f"{at} relates an entity to itself")
        starts = entities[relation.head].start, entities[relation.tail].start
        if sentence_ids[starts[0]] != sentence_ids[starts[1]]:
            raise DocumentError(f"{at} is between entities of two sentences")
        key = (head, tail, relation.label)
        unique.setdefault(key, relation._replace(head=head, tail=tail))
    return list(unique.values())


def symmetric_labels(fields: JsonObject, where: str) -> Optional[Tuple[str, ...]]:
    """
    Return the labels of relations without a direction; `None` if the object does not say.

    # Raises

    `DocumentError`, with a message that begins with `where`.
    """
    if fields.get("symmetric_relation_labels") is None:
        return None
    name = f"{where}: 'symmetric_relation_labels'"
    labels = checked_list(fields["symmetric_relation_labels"], name)
    for label in labels:
        check_label(label, None, name)
    return tuple(labels)


def _relations_from_json(
    relations: Any, num_entities: int, where: str
) -> Iterator[Tuple[str, ScoredRelation]]:
    """Yield each relation, with its name in messages."""
    for index, relation in enumerate(checked_list(relations, f"{where}: 'relations'")):
        at = f"{where}, relation {index}"
        if not isinstance(relation, dict):
            raise DocumentError(f"{at}: expected an object, found {json.dumps(relation)}")
        missing = [name for name in ("head", "tail", "label") if name not in relation]
        if missing:
            raise DocumentError(f"{at}: {', '.join(map(repr, missing))} is missing")
        for name in ("head", "tail"):
            if not (is_index(relation[name]) and relation[name] < num_entities):
                raise DocumentError(
                    f"{at}: the {name} must be the index of one of the {num_entities} 'entities', "
                    f"found {json.dumps(relation[name])}"
                )
        check_label(relation["label"], relation.get("score"), at)
        yield (
            at,
            ScoredRelation(
                relation["head"], relation["tail"], relation["label"], relation.get("score")
            ),
        )


def _relations_in_words(
    relations: Any, entities: Sequence[ScoredSpan], where: str
) -> Iterator[Tuple[str, ScoredRelation]]:
    """Yield relations as `_relations_from_json`, but only those between two of the entities."""
    name = "'predicted_relations'"
    index: Dict[Tuple[int, int], int] = {}
    for number, entity in enumerate(entities):
        index.setdefault((entity.start, entity.end), number)
    for in_sentence in checked_list(relations, f"{where}: {name}"):
        for relation in checked_list(in_sentence, f"{where}: each sentence's {name}"):
            at = f"{where}: {name}: {json.dumps(relation)}"
            is_relation = isinstance(relation, list) and len(relation) >= 5
            if not (is_relation and all(map(is_index, relation[:4]))):
                raise DocumentError(f"{at} is not [start, end, start, end, label]")
            check_label(relation[4], None, at)
            head_start, head_end, tail_start, tail_end, label = relation[:5]
            head, tail = index.get((head_start, head_end)), index.get((tail_start, tail_end))
            if head is not None and tail is not None:
                yield at, ScoredRelation(head, tail, label)
