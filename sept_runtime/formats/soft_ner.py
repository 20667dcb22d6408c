"""
Soft labels in JSON: a teacher's probabilities, for a student to learn.

`soft_ner` lists for each sentence its candidate spans as `[first word, last word, {label:
probability}]`, with word indices over the whole document. `soft_ner_labels` has every label that
the teacher knows. A span that is not listed is no entity.

`soft_relations`, from a teacher that finds relations, lists for each sentence the teacher's pairs
of entities as `[first word, last word, first word, last word, {label: probability}]`, head first.
`soft_relation_labels` has every label of a relation that the teacher knows. A student learns
nothing from a pair that is not listed.
"""

import json
from typing import Any, Dict, List, Optional, Sequence, Tuple

from sept_runtime.documents import (
    Document,
    DocumentError,
    SoftAnnotation,
    SoftRelation,
    SoftRelations,
    SoftSpan,
)
from sept_runtime.formats.annotation import Annotated, by_sentence, check_span
from sept_runtime.formats.json_lines import JsonObject, is_index
from sept_runtime.options import PROBABILITY

_SPAN_FORM = "[start, end, {label: probability}]"
_PAIR_FORM = "[start, end, start, end, {label: probability}]"

# Each probability is rounded, and so their sum may be a little more than one.
_ROUNDING = 1e-4


def soft_to_json(document: Document, soft: SoftAnnotation) -> JsonObject:
    """Return the keys that hold a document's soft labels."""
    sentence_ids = document.sentence_ids
    spans: List[List[List[Any]]] = [[] for _ in document.sentences]
    for start, end, probabilities in soft.spans:
        spans[sentence_ids[start]].append([start, end, probabilities])
    fields: JsonObject = {"soft_ner": spans, "soft_ner_labels": list(soft.labels)}
    if soft.relations is not None:
        pairs: List[List[List[Any]]] = [[] for _ in document.sentences]
        for head, tail, probabilities in soft.relations.pairs:
            pairs[sentence_ids[head[0]]].append([*head, *tail, probabilities])
        fields["soft_relations"] = pairs
        fields["soft_relation_labels"] = list(soft.relations.labels)
    return fields


def soft_from_json(
    fields: JsonObject, sentences: Sequence[Sequence[str]], where: str
) -> Optional[SoftAnnotation]:
    """
    Return the soft labels of an object read from JSON, or `None` if it has no `soft_ner`.

    # Raises

    `DocumentError`, with a message that begins with `where`.
    """
    listed = fields.get("soft_ner")
    if listed is None:
        return None
    labels = _checked_labels(fields, "soft_ner", "soft_ner_labels", where)
    spans: Dict[Tuple[int, int], SoftSpan] = {}
    for words, value, sentence in by_sentence(listed, "soft_ner", _SPAN_FORM, sentences, where):
        at = Annotated(sentence, "candidate", value)
        (start, end), probabilities = _checked_row(value, 2, _SPAN_FORM, at)
        check_span(start, end, words, at)
        _check_probabilities(probabilities, labels, "soft_ner_labels", at)
        if sum(probabilities.values()) > 1 + _ROUNDING * (1 + len(probabilities)):
            raise DocumentError(f"{at}: its probabilities add up to more than 1")
        span = SoftSpan(start, end, probabilities)
        if spans.setdefault(span[:2], span) is not span:
            raise DocumentError(f"{at} is listed twice")
    relations = _relations_from_json(fields, sentences, where)
    return SoftAnnotation(tuple(labels), list(spans.values()), relations)


def _relations_from_json(
    fields: JsonObject, sentences: Sequence[Sequence[str]], where: str
) -> Optional[SoftRelations]:
    listed = fields.get("soft_relations")
    if listed is None:
        return None
    labels = _checked_labels(fields, "soft_relations", "soft_relation_labels", where)
    pairs: Dict[Tuple[Tuple[int, int], Tuple[int, int]], SoftRelation] = {}
    for words, value, sentence in by_sentence(
        listed, "soft_relations", _PAIR_FORM, sentences, where
    ):
        at = Annotated(sentence, "pair", value)
        places, probabilities = _checked_row(value, 4, _PAIR_FORM, at)
        head, tail = (places[0], places[1]), (places[2], places[3])
        check_span(*head, words, at)
        check_span(*tail, words, at)
        _check_probabilities(probabilities, labels, "soft_relation_labels", at)
        if head == tail:
            raise DocumentError(f"{at} relates an entity to itself")
        pair = SoftRelation(head, tail, probabilities)
        if pairs.setdefault((head, tail), pair) is not pair:
            raise DocumentError(f"{at} is listed twice")
    return SoftRelations(tuple(labels), list(pairs.values()))


def _checked_labels(fields: JsonObject, key: str, labels_key: str, where: str) -> List[str]:
    labels = fields.get(labels_key)
    if not (
        isinstance(labels, list)
        and all(isinstance(label, str) and label for label in labels)
        and len({*labels}) == len(labels)
    ):
        raise DocumentError(
            f"{where}: {key!r} needs {labels_key!r}, a list of all labels that the teacher knows, "
            f"each once; found {json.dumps(labels)}"
        )
    return labels


def _checked_row(
    value: Any, num_indices: int, form: str, where: Annotated
) -> Tuple[List[int], Dict[str, Any]]:
    if not (
        isinstance(value, list)
        and len(value) == num_indices + 1
        and all(map(is_index, value[:-1]))
        and isinstance(value[-1], dict)
    ):
        raise DocumentError(f"{where} is not {form}")
    return value[:-1], value[-1]


def _check_probabilities(
    probabilities: Dict[str, Any], labels: Sequence[str], labels_key: str, where: Annotated
) -> None:
    for label, probability in probabilities.items():
        if label not in labels:
            raise DocumentError(f"{where} has a label that is not in {labels_key!r}: {label!r}")
        if not PROBABILITY.accepts(probability):
            raise DocumentError(
                f"{where}: a probability must be a number from 0 to 1, found "
                f"{json.dumps(probability)}"
            )
