"""
The JSON front end of prediction: one output per input, in order.

An input that cannot be used yields an object with `error`; nothing is raised and nothing is left
out.
"""

from itertools import tee
from typing import Any, Iterable, Iterator, NamedTuple, Optional

from sept_runtime.documents import Document, DocumentError
from sept_runtime.formats.inputs import document_from_input
from sept_runtime.formats.json_lines import JsonObject, parse_line
from sept_runtime.formats.predictions import failure_to_json, prediction_to_json
from sept_runtime.inference.prediction import SpanPredictor, predict
from sept_runtime.options import Decoding

_NO_DOCUMENT = Document(key="", sentences=[])


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
    """

    fields: Any
    document: Document
    error: Optional[str] = None
    line: Optional[int] = None

    @classmethod
    def from_json(cls, fields: Any, line: Optional[int] = None) -> "Request":
        """Read a JSON value; never raises, but keeps the `error`."""
        try:
            return cls(fields, document_from_input(fields), None, line)
        except DocumentError as error:
            return cls(fields, _NO_DOCUMENT, str(error), line)

    @classmethod
    def from_line(cls, text: bytes, line: Optional[int] = None) -> "Request":
        """Read a line of a JSONL file as `from_json` reads a value."""
        try:
            fields = parse_line(text)
        except DocumentError as error:
            return cls(None, _NO_DOCUMENT, str(error), line)
        return cls.from_json(fields, line)


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
        error = request.error or prediction.error
        if error is None:
            yield prediction_to_json(request.document, prediction, request.fields)
            continue
        failure = failure_to_json(error, request.fields)
        yield failure if request.line is None else {**failure, "line": request.line}


def predict_lines(
    predictor: SpanPredictor, lines: Iterable[bytes], decoding: Decoding, batch_size: int = 32
) -> Iterator[JsonObject]:
    """
    Yield an output for each line of a JSONL file, in order, blank lines included.

    The lines are read as they are needed. The parameters are those of `predict`.
    """
    requests = (Request.from_line(line, number) for number, line in enumerate(lines, start=1))
    return predict_requests(predictor, requests, decoding, batch_size)
