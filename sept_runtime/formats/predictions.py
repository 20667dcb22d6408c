"""What comes out of prediction, JSON objects, each a document with its entities, and back."""

import json
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple, Union

from sept_runtime.documents import Document, DocumentError, Prediction, ScoredSpan
from sept_runtime.formats.json_lines import JsonObject, is_index, read_json_lines
from sept_runtime.formats.scierc import checked_offsets, document_from_scierc, to_ner
from sept_runtime.formats.soft_ner import soft_to_json
from sept_runtime.words import offsets_of_joined

FORMAT_VERSION = 1
"""
The `format_version` of what is written here. New keys do not change it: readers leave alone what
they do not know. It grows when a key changes its meaning or disappears. Objects without it are
older than it is and read as version 1.
"""


@dataclass
class PredictedDocument:
    """
    A document and what was predicted for it.

    # Parameters

    document : `Document`
        With `entities` where there is a gold annotation, and `text` where the line holds it.
    predicted : `List[ScoredSpan]`, optional
        `None` where nothing has been predicted, as in a plain SciERC file.
    title : `str`, optional (default = `None`)
    """

    document: Document
    predicted: Optional[List[ScoredSpan]]
    title: Optional[str] = None


class FailedInput(NamedTuple):
    """An input that could not be predicted, as the predictor reports it."""

    reason: str
    line: Optional[int]

    def __str__(self) -> str:
        return self.reason if self.line is None else f"input line {self.line}: {self.reason}"


# Writing ----------------------------------------------------------------------------------------


def prediction_to_json(
    document: Document, prediction: Prediction, fields: JsonObject
) -> JsonObject:
    """
    The output for one document.

    # Parameters

    document : `Document`
        With `text` and `offsets`.
    prediction : `Prediction`
    fields : `JsonObject`
        The input that the document was made from; its `id` and `title` are repeated, and its `ner`
        where it was given as `sentences`.

    # Returns

    An object with `format_version`, `text`, `sentences`, `word_offsets`, `entities` (`text`,
    `label`, `score`; `start` and `end` such that `text[start:end]` is the entity; `start_word` and
    `end_word`, both inclusive) and `predicted_ner` in SciERC's format. Where the prediction
    has soft labels, also `soft_ner` and `soft_ner_labels` (`sept_runtime.formats.soft_ner`).
    """
    # Gold belongs to the sentences that it was given with.
    repeated = ("id", "title", "ner") if "sentences" in fields else ("id", "title")
    output: JsonObject = {
        "format_version": FORMAT_VERSION,
        **{name: fields[name] for name in repeated if name in fields},
        "doc_key": document.key,
        "text": document.text,
        "sentences": document.sentences,
        "word_offsets": document.offsets,
        "entities": [_entity_to_json(document, entity) for entity in prediction.entities],
        "predicted_ner": to_ner(document, prediction.entities),
    }
    if prediction.soft is not None:
        output.update(soft_to_json(document, prediction.soft))
    return output


def failure_to_json(reason: str, fields: Any = None) -> JsonObject:
    """The output for an input that cannot be predicted: `error`, and the input's `id`s."""
    output: JsonObject = {}
    if isinstance(fields, dict):
        output.update((name, fields[name]) for name in ("id", "doc_key") if name in fields)
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
    if entity.labels:
        fields["labels"] = [{"label": label, "score": score} for label, score in entity.labels]
    return fields


# Reading ----------------------------------------------------------------------------------------


def read_predictions(path: str) -> Iterator[Union[PredictedDocument, FailedInput]]:
    """
    The lines of a predictions file, or of a plain SciERC file, in order.

    # Raises

    `DocumentError` at the first line that is wrong; the message names file, line and fault.
    """
    for origin, fields in read_json_lines(path):
        if isinstance(fields, dict) and "error" in fields and "sentences" not in fields:
            yield failure_from_json(fields, origin)
        else:
            yield prediction_from_json(fields, origin)


def prediction_from_json(fields: Any, origin: str = "") -> PredictedDocument:
    """
    Checks one object of a predictions file. Keys that nothing here knows are left alone.

    # Raises

    `DocumentError`, with a message that names `origin`, the `doc_key` and the fault.
    """
    _check_version(fields, origin)
    document = document_from_scierc(fields, origin)
    where = document.describe()
    for name in ("text", "title"):
        if not isinstance(fields.get(name), (str, type(None))):
            raise DocumentError(f"{where}: {name!r} must be a string")
    document.text = fields.get("text")
    if fields.get("word_offsets") is not None:
        if document.text is None:
            raise DocumentError(f"{where}: there are 'word_offsets' but no 'text' to point into")
        document.offsets = checked_offsets(
            fields["word_offsets"], document.words, document.text, where
        )
    elif document.text == " ".join(document.words):
        document.offsets = offsets_of_joined(document.words)
    return PredictedDocument(document, _predicted(fields, document, where), fields.get("title"))


def failure_from_json(fields: JsonObject, origin: str = "") -> FailedInput:
    """
    Reads an object that the predictor wrote for an input that it could not use.

    # Raises

    `DocumentError` if it was written in a version of the format that is not known.
    """
    _check_version(fields, origin)
    line = fields.get("line")
    return FailedInput(str(fields["error"]), line if isinstance(line, int) else None)


def _check_version(fields: Any, origin: str) -> None:
    version = fields.get("format_version") if isinstance(fields, dict) else None
    if version is None:
        return
    where = f"{origin or 'document'}: 'format_version'"
    if not is_index(version):
        raise DocumentError(f"{where} must be a whole number, found {json.dumps(version)}")
    if version > FORMAT_VERSION:
        raise DocumentError(
            f"{where} is {version}, and this release reads versions up to {FORMAT_VERSION}: "
            "install a newer release of sept_allennlp"
        )


def _predicted(fields: JsonObject, document: Document, where: str) -> Optional[List[ScoredSpan]]:
    if fields.get("entities") is not None:
        entities = [
            _entity_from_json(entity, f"{where}, entity {index}")
            for index, entity in enumerate(_list(fields["entities"], f"{where}: 'entities'"))
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
    # Twice the same entity is one entity; of its scores the first stands.
    unique: Dict[Tuple[int, int, str], ScoredSpan] = {}
    for entity in entities:
        unique.setdefault(entity[:3], entity)
    return list(unique.values())


def _entities_from_ner(ner: Any, where: str) -> List[ScoredSpan]:
    entities = []
    for spans in _list(ner, f"{where}: 'predicted_ner'"):
        for span in _list(spans, f"{where}: each sentence's 'predicted_ner'"):
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
    labels = _list(entity["labels"], f"{where}: 'labels'")
    return span._replace(labels=tuple(_label_from_json(label, where) for label in labels))


def _label_from_json(fields: Any, where: str) -> Tuple[str, float]:
    if (
        isinstance(fields, dict)
        and isinstance(fields.get("label"), str)
        and _is_number(fields.get("score"))
    ):
        return fields["label"], fields["score"]
    raise DocumentError(
        f"{where}: 'labels' must hold objects with 'label' and 'score', found {json.dumps(fields)}"
    )


def _checked(start: Any, end: Any, label: Any, score: Any, where: str) -> ScoredSpan:
    if not (is_index(start) and is_index(end) and start <= end):
        raise DocumentError(
            f"{where}: {json.dumps(start)} to {json.dumps(end)} are not the first and last word "
            "of an entity (counted from 0, the last included)"
        )
    if not (isinstance(label, str) and label):
        raise DocumentError(f"{where}: the label must be a string, found {json.dumps(label)}")
    if score is not None and not _is_number(score):
        raise DocumentError(f"{where}: the score must be a number, found {json.dumps(score)}")
    return ScoredSpan(start, end, label, score)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _list(value: Any, what: str) -> List[Any]:
    if not isinstance(value, list):
        raise DocumentError(f"{what} must be a list")
    return value
