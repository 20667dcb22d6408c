"""Read the predicted entities of JSON objects."""

import json
from typing import Any, List, Optional, Tuple

from sept_runtime.documents import Document, DocumentError, ScoredSpan
from sept_runtime.formats.json_lines import JsonObject, is_index
from sept_runtime.formats.predictions.checks import check_label, checked_list, is_probability
from sept_runtime.formats.word_offsets import same_characters


def predicted_entities(
    fields: JsonObject, document: Document, where: str
) -> Optional[List[ScoredSpan]]:
    """
    Return the entities of an object of predictions, in its order; `None` if there is no prediction.

    Their `start`, `end` and `text`, if given, are compared with the document's text.

    # Raises

    `DocumentError`, with a message that begins with `where`.
    """
    if fields.get("entities") is not None:
        entities = [
            _entity_from_json(entity, f"{where}, entity {index}")
            for index, entity in enumerate(checked_list(fields["entities"], f"{where}: 'entities'"))
        ]
    elif fields.get("predicted_ner") is not None:
        entities = _entities_from_ner(fields["predicted_ner"], where)
    else:
        return None
    sentence_ids = document.sentence_ids
    for start, end, label, *_ in entities:
        if end >= len(sentence_ids) or sentence_ids[start] != sentence_ids[end]:
            raise DocumentError(
                f"{where}: the predicted entity [{start}, {end}, {label!r}] reaches outside its "
                "sentence or the document (word indices count over the whole document and include "
                "the end)"
            )
    if fields.get("entities") is not None:
        for index, (span, entity) in enumerate(zip(entities, fields["entities"])):
            _check_place(span, entity, document, f"{where}, entity {index}")
    return entities


def _check_place(span: ScoredSpan, entity: JsonObject, document: Document, where: str) -> None:
    """Compare an entity's characters and text with those of its words."""
    if document.text is not None and document.offsets is not None:
        start, end = document.offsets[span.start][0], document.offsets[span.end][1]
        for name, expected in (("start", start), ("end", end)):
            given = entity.get(name)
            if given is not None and given != expected:
                raise DocumentError(
                    f"{where}: {name!r} is {json.dumps(given)}, but should be {expected} by its "
                    "words (offsets count Unicode code points)"
                )
        surface = document.text[start:end]
    else:
        surface = " ".join(document.words[span.start : span.end + 1])
    text = entity.get("text")
    if text is not None and not (isinstance(text, str) and same_characters(text, surface)):
        raise DocumentError(f"{where}: 'text' is {json.dumps(text)}, but its words are {surface!r}")


def _entities_from_ner(ner: Any, where: str) -> List[ScoredSpan]:
    entities = []
    for spans in checked_list(ner, f"{where}: 'predicted_ner'"):
        for span in checked_list(spans, f"{where}: each sentence's 'predicted_ner'"):
            if not (isinstance(span, list) and len(span) >= 3):
                raise DocumentError(
                    f"{where}: 'predicted_ner' holds {json.dumps(span)}, "
                    "which is not [start, end, label]"
                )
            start, end, label = span[:3]
            entities.append(_checked(start, end, label, None, f"{where}: 'predicted_ner'"))
    return entities


def _entity_from_json(entity: Any, where: str) -> ScoredSpan:
    if not isinstance(entity, dict):
        raise DocumentError(f"{where}: expected an object, found {json.dumps(entity)}")
    missing = [name for name in ("start_word", "end_word", "label") if name not in entity]
    if missing:
        raise DocumentError(f"{where}: {', '.join(map(repr, missing))} is missing")
    span = _checked(
        entity["start_word"], entity["end_word"], entity["label"], entity.get("score"), where
    )
    if entity.get("labels") is None:
        return span
    labels = checked_list(entity["labels"], f"{where}: 'labels'")
    return span._replace(labels=tuple(_label_from_json(label, where) for label in labels))


def _label_from_json(fields: Any, where: str) -> Tuple[str, float]:
    if (
        isinstance(fields, dict)
        and isinstance(fields.get("label"), str)
        and is_probability(fields.get("score"))
    ):
        return fields["label"], fields["score"]
    raise DocumentError(
        f"{where}: 'labels' must hold objects with 'label' and 'score', found {json.dumps(fields)}"
    )


def _checked(start: Any, end: Any, label: Any, score: Any, where: str) -> ScoredSpan:
    if not (is_index(start) and is_index(end) and start <= end):
        raise DocumentError(
            f"{where}: an entity cannot begin with word {json.dumps(start)} and end with word "
            f"{json.dumps(end)} (indices count from 0, and the end is included)"
        )
    check_label(label, score, where)
    return ScoredSpan(start, end, label, score)
