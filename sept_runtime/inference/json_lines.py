"""
The rim of prediction: JSON in, JSON out, one output for each input whatever it is. An input that
cannot be used yields an object with `error`; nothing is raised and nothing is left out.
"""

from itertools import tee
from typing import Any, Iterable, Iterator, NamedTuple, Optional

from sept_runtime.documents import Document, DocumentError
from sept_runtime.formats.inputs import document_from_input
from sept_runtime.formats.json_lines import JsonObject, parse_line
from sept_runtime.formats.predictions import failure_to_json, prediction_to_json
from sept_runtime.inference.prediction import SpanPredictor, predict
from sept_runtime.options import Decoding

# Stands where an input holds no document.
_NO_DOCUMENT = Document(key="", sentences=[])


class Request(NamedTuple):
    """
    An input of prediction.

    # Parameters

    fields : `Any`
        The JSON value; `None` where it could not even be read.
    document : `Document`
        The document in it; without words where there is none.
    error : `str`, optional
        Why there is none.
    """

    fields: Any
    document: Document
    error: Optional[str] = None

    @classmethod
    def from_json(cls, fields: Any) -> "Request":
        """Never raises; what is wrong is its `error`."""
        try:
            return cls(fields, document_from_input(fields))
        except DocumentError as error:
            return cls(fields, _NO_DOCUMENT, str(error))

    @classmethod
    def from_line(cls, line: bytes) -> "Request":
        """As `from_json`, for a line of a JSONL file."""
        try:
            fields = parse_line(line)
        except DocumentError as error:
            return cls(None, _NO_DOCUMENT, str(error))
        return cls.from_json(fields)


def predict_requests(
    predictor: SpanPredictor, requests: Iterable[Request], decoding: Decoding, batch_size: int = 32
) -> Iterator[JsonObject]:
    """
    An output for each request, in order: the predicted document, or its error. The parameters are
    those of `predict`.
    """
    requests, answered = tee(requests)
    found = predict(predictor, (request.document for request in requests), decoding, batch_size)
    for request, prediction in zip(answered, found):
        if request.error is None:
            yield prediction_to_json(request.document, prediction, request.fields)
        else:
            yield failure_to_json(request.error, request.fields)


def predict_lines(
    predictor: SpanPredictor, lines: Iterable[bytes], decoding: Decoding, batch_size: int = 32
) -> Iterator[JsonObject]:
    """
    An output for each line of a JSONL file, in order; beside an `error` stands the `line`'s number.
    The lines are read as they are needed. The parameters are those of `predict`.
    """
    requests = map(Request.from_line, lines)
    outputs = predict_requests(predictor, requests, decoding, batch_size)
    for number, output in enumerate(outputs, start=1):
        if "error" in output:
            output["line"] = number
        yield output
