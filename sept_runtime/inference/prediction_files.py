"""Predictions from file to file, for all commands that predict."""

from typing import Any, Callable, Iterable, Iterator, NamedTuple, Optional

from sept_runtime.formats.files import DamagedInputError
from sept_runtime.formats.json_lines import JsonObject
from sept_runtime.formats.predictions import failure_to_json
from sept_runtime.formats.records import FieldOptions, Record
from sept_runtime.inference.json_lines import Request, predict_requests
from sept_runtime.inference.prediction import SpanPredictor
from sept_runtime.options import Decoding

_DEFAULT_FIELDS = FieldOptions()


class PredictedLines(NamedTuple):
    """
    The numbers of lines or records.

    # Parameters

    total, failed : `int`
    skipped : `int`, optional (default = `0`)
        The number of records without a text, which have no output.
    reason : `str`, optional (default = `""`)
        Why the first of them was skipped.
    """

    total: int
    failed: int
    skipped: int = 0
    reason: str = ""

    @property
    def status(self) -> int:
        """Return the exit status of a command: 1 if any line failed, or all were skipped."""
        return int(self.failed > 0 or (self.skipped > 0 and self.total == 0))

    def __str__(self) -> str:
        counts = f"{self.total} line{'s' if self.total != 1 else ''}, "
        counts += f"{self.total - self.failed} annotated, {self.failed} failed"
        if self.skipped:
            counts += f", {self.skipped} skipped\nFirst skipped: {self.reason}"
        if self.failed:
            counts += "\nFailed lines have 'error' and 'line' in the output."
        return counts


class Requests:
    """
    The requests in the records of files, up to the end or to where a file is damaged.

    Lines of JSONL files are answered by an error if they have no text; other records are skipped.

    # Parameters

    records : `Iterable[Record]`
    options : `FieldOptions`, optional
    """

    def __init__(self, records: Iterable[Record], options: FieldOptions = _DEFAULT_FIELDS) -> None:
        self._records = records
        self._options = options
        self.number = 0
        self.skipped = 0
        self.reason = ""
        self.damage: Optional[DamagedInputError] = None

    def __iter__(self) -> Iterator[Request]:
        try:
            for record in self._records:
                self.number = record.number
                request = Request.from_record(record, self._options)
                if request.error is None or record.answered:
                    yield request
                else:
                    self.skipped += 1
                    self.reason = self.reason or f"{record.origin}: {request.error}"
        except DamagedInputError as error:
            self.damage = error.after_lines(self.number)


def predict_file(
    predictor: SpanPredictor,
    requests: Requests,
    decoding: Decoding,
    batch_size: int,
    write: Callable[[JsonObject], Any],
    progress: Callable[[Iterator[JsonObject]], Iterator[JsonObject]],
    unbuffered: bool = False,
) -> PredictedLines:
    """
    Predict the documents of files.

    # Parameters

    predictor, decoding, batch_size :
        As for `predict_requests`.
    requests : `Requests`
    write : `Callable[[JsonObject], Any]`
        Takes each output, in order.
    progress : `Callable[[Iterator[JsonObject]], Iterator[JsonObject]]`
        Passes the outputs on and shows how many there have been.
    unbuffered : `bool`, optional (default = `False`)
        Answer each document before the next one is read.

    # Raises

    `DamagedInputError` if a file ends too early, after all whole lines have been answered, and the
    damage by an error.
    """
    outputs = (
        (
            output
            for request in requests
            for output in predict_requests(predictor, [request], decoding, batch_size, True)
        )
        if unbuffered
        else predict_requests(predictor, requests, decoding, batch_size, True)
    )
    total = failed = 0
    for output in progress(outputs):
        total += 1
        failed += "error" in output
        write(output)
    if requests.damage is not None:
        write({**failure_to_json(str(requests.damage)), "line": requests.number + 1})
        raise requests.damage
    return PredictedLines(total, failed, requests.skipped, requests.reason)
