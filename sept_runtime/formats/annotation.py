"""Check the annotation of a document in JSON, sentence by sentence, against its words."""

import json
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from sept_runtime.documents import AnnotatedRelation, AnnotatedSpan, DocumentError
from sept_runtime.formats.json_lines import JsonObject, json_type


class Annotated(NamedTuple):
    """
    The name of an annotation in messages, such as "where: entity [3, 3, "Method"]".

    It is formatted for a message only, and not for each entity that is read.
    """

    where: str
    kind: str
    value: Any

    def __str__(self) -> str:
        return f"{self.where}: {self.kind} {json.dumps(self.value)}"


def entities_from_ner(
    ner: Any, sentences: Sequence[Sequence[str]], where: str
) -> Optional[List[AnnotatedSpan]]:
    """
    Return the entities in the value of `ner`, as read from JSON; `None` if there is no value.

    Duplicates count once.

    # Raises

    `DocumentError`, with a message that begins with `where`.
    """
    if ner is None:
        return None
    labels: Dict[Tuple[int, int], str] = {}
    for words, span, sentence in by_sentence(ner, "ner", "[start, end, label]", sentences, where):
        at = Annotated(sentence, "entity", span)
        _check_form(span, 2, "[start, end, label]", at)
        start, end, label = span
        check_span(start, end, words, at)
        known = labels.setdefault((start, end), label)
        if known != label:
            raise DocumentError(f"{at} was already labeled {known!r}; a span has one label")
    return [AnnotatedSpan(start, end, label) for (start, end), label in labels.items()]


def gold_relations(
    fields: JsonObject,
    sentences: Sequence[Sequence[str]],
    entities: Iterable[AnnotatedSpan],
    where: str,
) -> Optional[List[AnnotatedRelation]]:
    """
    Return the annotated relations between `entities` in an object read from JSON.

    They are its `gold_relations`, as in predictions, or its `relations`, as in SciERC, unless these
    are predicted ones. Duplicates count once. `None` if relations are not annotated.

    # Raises

    `DocumentError`, with a message that begins with `where`.
    """
    name = "relations" if fields.get("gold_relations") is None else "gold_relations"
    relations = fields.get(name)
    if relations is None or name == "relations" and relations_are_predicted(fields):
        return None
    form = "[start, end, start, end, label]"
    places = {(entity.start, entity.end) for entity in entities}
    checked: Dict[AnnotatedRelation, None] = {}
    for words, relation, sentence in by_sentence(relations, name, form, sentences, where):
        at = Annotated(sentence, "relation", relation)
        _check_form(relation, 4, form, at)
        head, tail, label = (relation[0], relation[1]), (relation[2], relation[3]), relation[4]
        for place in (head, tail):
            check_span(*place, words, at)
            if place not in places:
                raise DocumentError(
                    f"{at}: there is no entity {list(place)} in 'ner'; a relation is between two "
                    "entities"
                )
        if head == tail:
            raise DocumentError(f"{at} relates an entity to itself")
        checked[AnnotatedRelation(head, tail, label)] = None
    return list(checked)


def relations_are_predicted(fields: JsonObject) -> bool:
    """Tell whether an object's `relations` are predicted ones: objects instead of lists."""
    relations = fields.get("relations")
    if not isinstance(relations, list):
        return False
    if not relations:
        return fields.get("predicted_relations") is not None
    return any(isinstance(relation, dict) for relation in relations)


def by_sentence(
    values: Any, name: str, form: str, sentences: Sequence[Sequence[str]], where: str
) -> Iterator[Tuple[range, Any, str]]:
    """
    Yield each value in lists by sentence, with its sentence's words and its place for messages.

    # Parameters

    values : `Any`
        The list, as read from JSON.
    name : `str`
        Its key.
    form : `str`
        The form of a value, for messages.
    sentences : `Sequence[Sequence[str]]`
    where : `str`

    # Raises

    `DocumentError`, with a message that begins with `where`.
    """
    if not isinstance(values, list):
        raise DocumentError(f"{where}: {name!r} must be a list, found {json_type(values)}")
    if len(values) != len(sentences):
        raise DocumentError(
            f"{where}: {name!r} has {len(values)} lists for {len(sentences)} sentences; "
            "there must be one for each sentence"
        )
    first_word = 0
    for index, (sentence, in_sentence) in enumerate(zip(sentences, values)):
        at = f"{where}, sentence {index}"
        if not isinstance(in_sentence, list):
            raise DocumentError(
                f"{at}: {name!r} must hold a list of {form}, found {json_type(in_sentence)}"
            )
        words = range(first_word, first_word + len(sentence))
        yield from ((words, value, at) for value in in_sentence)
        first_word = words.stop


def _check_form(value: Any, num_indices: int, form: str, where: Annotated) -> None:
    if not (
        isinstance(value, list)
        and len(value) == num_indices + 1
        and all(isinstance(n, int) and not isinstance(n, bool) for n in value[:-1])
        and isinstance(value[-1], str)
        and value[-1]
    ):
        raise DocumentError(f"{where} is not {form}")


def check_span(start: int, end: int, words: range, where: Annotated) -> None:
    """
    Check that the first and last word of a span are words of its sentence.

    # Raises

    `DocumentError`, with a message that begins with `where`.
    """
    if start > end:
        raise DocumentError(f"{where} is reversed: its start comes after its end")
    if start < words.start or end >= words.stop:
        raise DocumentError(
            f"{where} reaches outside its sentence, which holds words {words.start} to "
            f"{words.stop - 1} (word indices count over the whole document and include the end)"
        )
