"""Predictions from JSON objects."""

import json
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple, Union

from sept_runtime.documents import Document, DocumentError, Prediction, ScoredSpan
from sept_runtime.formats.annotation import relations_are_predicted
from sept_runtime.formats.json_lines import JsonObject, is_index, read_json_lines
from sept_runtime.formats.predictions.entities import predicted_entities
from sept_runtime.formats.predictions.relations import predicted_relations, symmetric_labels
from sept_runtime.formats.predictions.writing import FORMAT_VERSION
from sept_runtime.formats.scierc import checked_offsets, document_from_scierc
from sept_runtime.tokenization.words import offsets_of_joined


@dataclass
class PredictedDocument:
    """
    A document and what was predicted for it.

    # Parameters

    document : `Document`
        With `entities` and `relations` where there is a gold annotation, and `text` where the line
        holds it.
    predicted : `Prediction`, optional
        `None` where nothing has been predicted, as in a plain SciERC file.
    title : `str`, optional (default = `None`)
    """

    document: Document
    predicted: Optional[Prediction]
    title: Optional[str] = None

    @property
    def predicted_entities(self) -> List[ScoredSpan]:
        """None where nothing has been predicted."""
        return [] if self.predicted is None else self.predicted.entities


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


def _predicted(fields: JsonObject, document: Document, where: str) -> Optional[Prediction]:
    listed = predicted_entities(fields, document, where)
    if listed is None:
        if relations_are_predicted(fields) and fields["relations"]:
            raise DocumentError(
                f"{where}: there are 'relations' but no 'entities' that they could be between"
            )
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
