"""What the predictor writes, read back and checked: documents with predicted entities."""

import json
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

from sept_runtime.documents import (
    Document,
    DocumentError,
    document_from_scierc,
    offsets_of_joined,
    read_json_lines,
)


class PredictedEntity(NamedTuple):
    """An entity as predicted: words `start` to `end`, both inclusive; `score` where it is known."""

    start: int
    end: int
    label: str
    score: Optional[float] = None


@dataclass
class PredictedDocument:
    """
    A document and what was predicted for it.

    # Parameters

    document : `Document`
        With `entities` where there is a gold annotation, and `text` where the line holds it.
    predicted : `List[PredictedEntity]`, optional
        `None` where nothing has been predicted, as in a plain SciERC file.
    title : `str`, optional (default = `None`)
    """

    document: Document
    predicted: Optional[List[PredictedEntity]]
    title: Optional[str] = None


class FailedInput(NamedTuple):
    """An input that could not be predicted, as the predictor reports it."""

    reason: str
    line: Optional[int]

    def __str__(self) -> str:
        return self.reason if self.line is None else f"input line {self.line}: {self.reason}"


def read_predictions(path: str) -> Iterator[Union[PredictedDocument, FailedInput]]:
    """
    The lines of a predictions file, or of a plain SciERC file, in order.

    # Raises

    `DocumentError` at the first line that is wrong; the message names file, line and fault.
    """
    found = False
    for origin, fields in read_json_lines(path):
        found = True
        if isinstance(fields, dict) and "error" in fields and "sentences" not in fields:
            line = fields.get("line")
            yield FailedInput(str(fields["error"]), line if isinstance(line, int) else None)
        else:
            yield prediction_from_json(fields, origin)
    if not found:
        raise DocumentError(f"{path}: the file holds no document")


def prediction_from_json(fields: Any, origin: str = "") -> PredictedDocument:
    """
    Checks one object of a predictions file.

    # Raises

    `DocumentError`, with a message that names `origin`, the `doc_key` and the fault.
    """
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


def checked_offsets(
    offsets: Any, words: Sequence[str], text: str, where: str
) -> List[Tuple[int, int]]:
    """
    The offsets of `words` in `text` as read from JSON, made sure to be usable: one pair a word, in
    order, none over another, none around nothing.

    # Raises

    `DocumentError`
    """
    if not isinstance(offsets, list) or len(offsets) != len(words):
        raise DocumentError(
            f"{where}: 'word_offsets' must be a list of [start, end], one for each of the "
            f"{len(words)} words"
        )
    checked: List[Tuple[int, int]] = []
    last_end = 0
    for index, pair in enumerate(offsets):
        at = f"{where}: 'word_offsets' of word {index}, {json.dumps(pair)},"
        if not (isinstance(pair, list) and len(pair) == 2 and all(map(_is_index, pair))):
            raise DocumentError(f"{at} is not [start, end]")
        start, end = pair
        if start < last_end:
            raise DocumentError(f"{at} begins before the word before it ends, at {last_end}")
        if end > len(text):
            raise DocumentError(f"{at} reaches outside the text of {len(text)} characters")
        if not text[start:end].strip():
            raise DocumentError(f"{at} holds no character of a word")
        checked.append((start, end))
        last_end = end
    return checked


def _predicted(
    fields: Dict[str, Any], document: Document, where: str
) -> Optional[List[PredictedEntity]]:
    if fields.get("entities") is not None:
        entities = [
            _entity_from_json(entity, f"{where}, entity {index}")
            for index, entity in enumerate(_list(fields["entities"], f"{where}: 'entities'"))
        ]
    elif fields.get("predicted_ner") is not None:
        entities = []
        for spans in _list(fields["predicted_ner"], f"{where}: 'predicted_ner'"):
            for span in _list(spans, f"{where}: each sentence's 'predicted_ner'"):
                if not (isinstance(span, list) and len(span) >= 3):
                    raise DocumentError(
                        f"{where}: 'predicted_ner' holds {json.dumps(span)}, "
                        "which is not [start, end, label]"
                    )
                entities.append(_checked(*span[:3], None, f"{where}: 'predicted_ner'"))
    else:
        return None
    sentence_ids = document.sentence_ids
    for start, end, label, _ in entities:
        if end >= len(sentence_ids) or sentence_ids[start] != sentence_ids[end]:
            raise DocumentError(
                f"{where}: the predicted entity [{start}, {end}, {label!r}] reaches outside its "
                "sentence or the document (word indices count over the whole document and include "
                "the end)"
            )
    # Twice the same entity is one entity; of its scores the first stands.
    unique: Dict[Tuple[int, int, str], PredictedEntity] = {}
    for entity in entities:
        unique.setdefault(entity[:3], entity)
    return list(unique.values())


def _entity_from_json(entity: Any, where: str) -> PredictedEntity:
    if not isinstance(entity, dict):
        raise DocumentError(f"{where}: expected an object, found {json.dumps(entity)}")
    missing = [name for name in ("start_word", "end_word", "label") if name not in entity]
    if missing:
        raise DocumentError(f"{where}: {', '.join(map(repr, missing))} is missing")
    return _checked(
        entity["start_word"], entity["end_word"], entity["label"], entity.get("score"), where
    )


def _checked(start: Any, end: Any, label: Any, score: Any, where: str) -> PredictedEntity:
    if not (_is_index(start) and _is_index(end) and start <= end):
        raise DocumentError(
            f"{where}: {json.dumps(start)} to {json.dumps(end)} are not the first and last word "
            "of an entity (counted from 0, the last included)"
        )
    if not (isinstance(label, str) and label):
        raise DocumentError(f"{where}: the label must be a string, found {json.dumps(label)}")
    if score is not None and (isinstance(score, bool) or not isinstance(score, (int, float))):
        raise DocumentError(f"{where}: the score must be a number, found {json.dumps(score)}")
    return PredictedEntity(start, end, label, score)


def _list(value: Any, what: str) -> List[Any]:
    if not isinstance(value, list):
        raise DocumentError(f"{what} must be a list")
    return value


def _is_index(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
