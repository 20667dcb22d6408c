"""Read predictions from JSON objects."""

import json
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple, Union

from sept_runtime.documents import Document, DocumentError, Prediction, ScoredSpan
from sept_runtime.formats.annotation import relations_are_predicted
from sept_runtime.formats.json_lines import JsonObject, is_index, read_json_lines
from sept_runtime.formats.predictions.entities import predicted_entities
from sept_runtime.formats.predictions.relations import predicted_relations, symmetric_labels
from sept_runtime.formats.predictions.writing import FORMAT_VERSION
from sept_runtime.formats.scierc import document_from_scierc
from sept_runtime.formats.word_offsets import checked_offsets, find_words


@dataclass
class PredictedDocument:
    """
    A document and the prediction for it.

    # Parameters

    document : `Document`
        With `entities` and `relations` if it is annotated, and `text` if the line holds it.
    predicted : `Prediction`, optional
        `None` if nothing has been predicted, as in a plain SciERC file.
    title : `str`, optional (default = `None`)
    """

    document: Document
    predicted: Optional[Prediction]
    title: Optional[str] = None

    @property
    def predicted_entities(self) -> List[ScoredSpan]:
        """Return the predicted entities, empty if nothing has been predicted."""
        return [] if self.predicted is None else self.predicted.entities


class FailedInput(NamedTuple):
    """An input that could not be predicted, as the predictor reports it."""

    reason: str
    line: Optional[int]

    def __str__(self) -> str:
        return self.reason if self.line is None else f"input line {self.line}: {self.reason}"


def read_predictions(path: str) -> Iterator[Union[PredictedDocument, FailedInput]]:
    """
    Read the lines of a predictions file, or of a plain SciERC file, in order.

    # Raises

    `DocumentError` at the first invalid line; the message names file, line and error.
    """
    for origin, fields in read_json_lines(path):
        if (
            isinstance(fields, dict)
            and fields.get("error") is not None
            and fields.get("sentences") is None
        ):
            yield failure_from_json(fields, origin)
        else:
            yield prediction_from_json(fields, origin)


def prediction_from_json(fields: Any, origin: str = "") -> PredictedDocument:
    """
    Check one object of a predictions file. Unknown keys are ignored.

    # Raises

    `DocumentError`, with a message that names `origin`, the document and the error.
    """
    _check_version(fields, origin)
    document = document_from_scierc(fields, origin)
    where = document.describe()
    for name in ("text", "title"):
        if not isinstance(fields.get(name), (str, type(None))):
            raise DocumentError(f"{where}: {name!r} must be a string")
    text = fields.get("text")
    # A blank text of a document with words is no text.
    if text is not None and (text.strip() or not document.words):
        document.text = text
    given = fields.get("word_offsets")
    if document.text is None:
        if given is not None and document.words:
            raise DocumentError(f"{where}: 'word_offsets' needs 'text'")
    elif given is None:
        document.offsets = find_words(document.words, document.text, where)
    else:
        document.offsets = checked_offsets(given, document.words, document.text, where)
    return PredictedDocument(document, _predicted(fields, document, where), fields.get("title"))


def failure_from_json(fields: JsonObject, origin: str = "") -> FailedInput:
    """
    Read an object that the predictor wrote for an input that it could not use.

    # Raises

    `DocumentError` if it is of an unknown version of the format.
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


def _predicted(fields: JsonObject, document: Document, where: str) -> Optional[Prediction]:
    listed = predicted_entities(fields, document, where)
    if listed is None:
        if relations_are_predicted(fields) and fields["relations"]:
            raise DocumentError(f"{where}: 'relations' needs 'entities'")
        return None
    # Twice the same entity is one entity; of its scores the first stands.
    unique: Dict[Tuple[int, int, str], ScoredSpan] = {}
    for entity in listed:
        unique.setdefault(entity[:3], entity)
    index = {key: number for number, key in enumerate(unique)}
    indices = [index[entity[:3]] for entity in listed]
    relations = predicted_relations(fields, listed, indices, document, where)
    if relations is None:
        return Prediction(list(unique.values()))
    symmetric = symmetric_labels(fields, where)
    return Prediction(list(unique.values()), relations, symmetric_labels=symmetric)
