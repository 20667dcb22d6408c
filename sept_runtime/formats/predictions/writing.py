"""Write predictions as JSON objects."""

from typing import Any

from sept_runtime.documents import Document, Prediction, ScoredSpan
from sept_runtime.formats.json_lines import JsonObject
from sept_runtime.formats.scierc import to_ner, to_relations
from sept_runtime.formats.soft_ner import soft_to_json

FORMAT_VERSION = 1
"""
The `format_version` of the outputs. New keys do not change it: readers ignore unknown keys. It
grows when a key changes its meaning or disappears. Objects without it are read as version 1.
"""


def prediction_to_json(
    document: Document, prediction: Prediction, fields: JsonObject
) -> JsonObject:
    """
    Return the output for one document.

    # Parameters

    document : `Document`
        With `text` and `offsets`.
    prediction : `Prediction`
    fields : `JsonObject`
        The input that the document was made from. Its `id`, `doc_id` and `title` are repeated, and,
        if it was given as `sentences`, its `ner`, and its `relations` as `gold_relations`.

    # Returns

    An object with `format_version`, `text`, `sentences`, `word_offsets`, `entities` (`text`,
    `label`, `score`; `start` and `end` such that `text[start:end]` is the entity; `start_word` and
    `end_word`, both inclusive; `text_normalized`, with single spaces, if that is not the text)
    and `predicted_ner` in SciERC's format. If the prediction has
    relations, `relations` (`head` and `tail`, indices into `entities`; `label`, `score`),
    `predicted_relations` in SciERC's format, and `symmetric_relation_labels` if they are known. If
    it has soft labels, those of `sept_runtime.formats.soft_ner`.
    """
    # Gold belongs to the sentences that it was given with.
    sentences = fields.get("sentences")
    with_gold = isinstance(sentences, list) and (any(sentences) or not document.words)
    repeated = ("id", "doc_id", "title", "ner") if with_gold else ("id", "doc_id", "title")
    output: JsonObject = {
        "format_version": FORMAT_VERSION,
        **{name: fields[name] for name in repeated if fields.get(name) is not None},
        "doc_key": document.key,
        "text": document.text,
        "sentences": document.sentences,
        "word_offsets": document.offsets,
        "entities": [_entity_to_json(document, entity) for entity in prediction.entities],
        "predicted_ner": to_ner(document, prediction.entities),
    }
    if with_gold and document.relations is not None:
        output["gold_relations"] = to_relations(document, document.relations)
    if prediction.relations is not None:
        output["relations"] = [relation._asdict() for relation in prediction.relations]
        in_words = map(prediction.in_words, prediction.relations)
        output["predicted_relations"] = to_relations(document, in_words)
        if prediction.symmetric_labels is not None:
            output["symmetric_relation_labels"] = list(prediction.symmetric_labels)
    if prediction.soft is not None:
        output.update(soft_to_json(document, prediction.soft))
    return output


def failure_to_json(reason: str, fields: Any = None) -> JsonObject:
    """Return the output for an input that cannot be predicted: its ids and `error`."""
    output: JsonObject = {}
    if isinstance(fields, dict):
        ids = {name: fields.get(name) for name in ("id", "doc_id", "doc_key")}
        output.update((name, value) for name, value in ids.items() if value is not None)
    output["error"] = reason
    return output


def _entity_to_json(document: Document, entity: ScoredSpan) -> JsonObject:
    assert document.text is not None and document.offsets is not None
    start, end = document.offsets[entity.start][0], document.offsets[entity.end][1]
    fields: JsonObject = {
        "text": document.text[start:end],
        "label": entity.label,
        "score": entity.score,
        "start": start,
        "end": end,
        "start_word": entity.start,
        "end_word": entity.end,
    }
    normalized = " ".join(fields["text"].split())
    if normalized != fields["text"]:
        fields["text_normalized"] = normalized
    if entity.labels:
        fields["labels"] = [{"label": label, "score": score} for label, score in entity.labels]
    return fields
