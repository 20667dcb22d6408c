"""Predictions from file to file, for all commands that predict."""

from typing import Any, BinaryIO, Callable, Iterator, NamedTuple, Optional

from sept_runtime.formats.files import DamagedInputError
from sept_runtime.formats.json_lines import JsonObject, dump_line
from sept_runtime.formats.predictions import failure_to_json
from sept_runtime.inference.json_lines import Request, predict_requests
from sept_runtime.inference.prediction import SpanPredictor
from sept_runtime.options import Decoding


class PredictedLines(NamedTuple):
    """The numbers of lines and of failed lines."""

    total: int
    failed: int

    @property
    def status(self) -> int:
        """Return the exit status of a command: 1 if any line failed."""
        return int(self.failed > 0)

    def __str__(self) -> str:
        counts = f"{self.total} lines, {self.total - self.failed} annotated, {self.failed} failed"
        if not self.failed:
            return counts
        return f"{counts}\nThe lines that failed hold 'error' and 'line' in the output."


def predict_file(
    predictor: SpanPredictor,
    lines: BinaryIO,
    decoding: Decoding,
    batch_size: int,
    write: Callable[[str], Any],
    progress: Callable[[Iterator[JsonObject]], Iterator[JsonObject]],
    unbuffered: bool = False,
) -> PredictedLines:
    """
    Predict a file of one document a line.

    # Parameters

    predictor, decoding, batch_size :
        As for `predict_requests`.
    lines : `BinaryIO`
        As from `open_input`. Blank lines at the end are ignored.
    write : `Callable[[str], Any]`
        Takes the line of each output, in order.
    progress : `Callable[[Iterator[JsonObject]], Iterator[JsonObject]]`
        Passes the outputs on and shows how many there have been.
    unbuffered : `bool`, optional (default = `False`)
        Answer each line before the next one is read.

    # Raises

    `DamagedInputError` after all whole lines have been answered, and the damage too, if the file
    ends too early.
    """
    requests = _Requests(lines)
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
        write(dump_line(output))
    if requests.damage is not None:
        write(dump_line({**failure_to_json(str(requests.damage)), "line": requests.number + 1}))
        raise requests.damage
    return PredictedLines(total, failed)


class _Requests:
    """The requests in the lines of a file, up to its end or to where it is damaged."""

    def __init__(self, lines: BinaryIO) -> None:
        self._lines = lines
        self.number = 0
        self.damage: Optional[DamagedInputError] = None

    def __iter__(self) -> Iterator[Request]:
        blank = []
        try:
            for line in self._lines:
                self.number += 1
                request = Request.from_line(line, self.number)
                # Blank lines at the end are no documents.
                if not line.strip():
                    blank.append(request)
                    continue
                yield from blank
                blank = []
                yield request
        except DamagedInputError as error:
            yield from blank
            self.damage = error.after_lines(self.number)
