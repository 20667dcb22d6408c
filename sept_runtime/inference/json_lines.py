"""
The JSON front end of prediction: one output per input, in order.

An input that cannot be used yields an object with `error`; nothing is raised and nothing is left
out.
"""

from dataclasses import replace
from itertools import tee
from pathlib import Path
from typing import Any, Iterable, Iterator, NamedTuple, Optional

from sept_runtime.documents import Document, DocumentError, Prediction
from sept_runtime.formats.inputs import TITLE_END, document_from_input, document_with_title
from sept_runtime.formats.json_lines import JsonObject, parse_line
from sept_runtime.formats.predictions import failure_to_json, prediction_to_json
from sept_runtime.formats.records import FieldOptions, Record
from sept_runtime.formats.records.fields import kept_fields, map_fields
from sept_runtime.formats.scierc import document_key
from sept_runtime.inference.prediction import SpanPredictor, predict
from sept_runtime.options import Decoding

_NO_DOCUMENT = Document(key="", sentences=[])
_DEFAULT_FIELDS = FieldOptions()


class Request(NamedTuple):
    """
    An input of prediction.

    # Parameters

    fields : `Any`
        The JSON value; `None` if it could not be read.
    document : `Document`
        The document in it; without words if there is an error.
    error : `str`, optional (default = `None`)
        Why the input cannot be used.
    line : `int`, optional (default = `None`)
        The number of its line.
    kept : `Dict[str, Any]`, optional (default = `{}`)
        Further fields of the output.
    title_length : `int`, optional (default = `None`)
        The length of the title that the document's text begins with.
    """

    fields: Any
    document: Document
    error: Optional[str] = None
    line: Optional[int] = None
    kept: JsonObject = {}
    title_length: Optional[int] = None

    @classmethod
    def from_json(
        cls, fields: Any, line: Optional[int] = None, options: FieldOptions = _DEFAULT_FIELDS
    ) -> "Request":
        """Read a JSON value; never raises, but keeps the `error`."""
        kept: JsonObject = {}
        try:
            if not isinstance(fields, dict):
                return cls(fields, document_from_input(fields), None, line)
            kept = kept_fields(fields, options)
            mapped = map_fields(fields, options)
            title = mapped.get("title")
            if not (options.with_title and title and isinstance(mapped.get("text"), str)):
                return cls(mapped, document_from_input(mapped), None, line, kept)
            document = document_with_title(title, mapped["text"], document_key(mapped, ""))
            return cls(mapped, document, None, line, kept, len(title))
        except DocumentError as error:
            return cls(fields, _NO_DOCUMENT, str(error), line, kept)

    @classmethod
    def from_record(cls, record: Record, options: FieldOptions = _DEFAULT_FIELDS) -> "Request":
        """
        Read a record as `from_json` reads a value.

        A record without an id is named by its place, such as "refs.ris, line 7".
        """
        if record.error is not None:
            return cls.unreadable(record.error, record.number)
        request = cls.from_json(record.value, record.number, options)
        if record.answered or request.error is not None:
            return request
        return request.named(Path(record.origin).name)

    @classmethod
    def unreadable(cls, error: str, line: Optional[int] = None) -> "Request":
        """Return the request of a line that could not be read."""
        return cls(None, _NO_DOCUMENT, error, line)

    @classmethod
    def from_line(
        cls, text: bytes, line: Optional[int] = None, options: FieldOptions = _DEFAULT_FIELDS
    ) -> "Request":
        """Read a line of a JSONL file as `from_json` reads a value."""
        try:
            fields = parse_line(text)
        except DocumentError as error:
            return cls.unreadable(str(error), line)
        return cls.from_json(fields, line, options)

    def named(self, name: str) -> "Request":
        """Return the request with an id, unless the document has one."""
        if self.document.key:
            return self
        fields, document = {**self.fields, "id": name}, replace(self.document, key=name)
        return self._replace(fields=fields, document=document)

    def output(self, prediction: Prediction) -> JsonObject:
        """Return the predicted document."""
        output = prediction_to_json(self.document, prediction, self.fields)
        if self.title_length is not None:
            shift = self.title_length + len(TITLE_END)
            for entity in output["entities"]:
                in_title = entity["start"] < self.title_length
                entity["field"] = "title" if in_title else "text"
                entity["field_start"] = entity["start"] - (0 if in_title else shift)
                entity["field_end"] = entity["end"] - (0 if in_title else shift)
        return {**self.kept, **output}

    def failure(self, error: str) -> JsonObject:
        """Return the output of an input that cannot be used or predicted."""
        return {**self.kept, **failure_to_json(error, self.fields)}


def predict_requests(
    predictor: SpanPredictor,
    requests: Iterable[Request],
    decoding: Decoding,
    batch_size: int = 32,
    isolate_failures: bool = False,
) -> Iterator[JsonObject]:
    """
    Yield an output for each request, in order: the predicted document, or its `error` and `line`.

    The parameters are those of `predict`.
    """
    requests, answered = tee(requests)
    documents = (request.document for request in requests)
    found = predict(predictor, documents, decoding, batch_size, isolate_failures)
    for request, prediction in zip(answered, found):
        # An error may be empty: that of a failed line that is predicted again.
        error = prediction.error if request.error is None else request.error
        if error is not None:
            output = request.failure(error or "no reason given")
            if request.line is not None:
                output["line"] = request.line
        else:
            output = request.output(prediction)
        yield output


def predict_lines(
    predictor: SpanPredictor, lines: Iterable[bytes], decoding: Decoding, batch_size: int = 32
) -> Iterator[JsonObject]:
    """
    Yield an output for each line of a JSONL file, in order, blank lines included.

    The lines are read as they are needed. The parameters are those of `predict`.
    """
    requests = (Request.from_line(line, number) for number, line in enumerate(lines, start=1))
    return predict_requests(predictor, requests, decoding, batch_size)
