"""Predictions from file to file, for whatever command is asked for them."""

import bz2
import contextlib
import gzip
import sys
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, Iterator, Literal, NamedTuple

from sept_runtime.formats.json_lines import JsonObject, dump_line
from sept_runtime.inference.json_lines import predict_lines
from sept_runtime.inference.prediction import SpanPredictor
from sept_runtime.options import Decoding

STANDARD_INPUT = "-"

_OPEN: Dict[str, Callable[[str, Literal["rb"]], Any]] = {".gz": gzip.open, ".bz2": bz2.open}


class PredictedLines(NamedTuple):
    """How many lines there were, and how many of them failed."""

    total: int
    failed: int

    @property
    def status(self) -> int:
        """The exit status of a command: 1 if any line failed."""
        return int(self.failed > 0)

    def __str__(self) -> str:
        counts = f"{self.total} lines, {self.total - self.failed} annotated, {self.failed} failed"
        if not self.failed:
            return counts
        return f"{counts}\nThe lines that failed hold 'error' and 'line' in the output."


@contextlib.contextmanager
def open_lines(name: str) -> Iterator[BinaryIO]:
    """
    A file's bytes; those of the standard input for `STANDARD_INPUT`, decompressed where the name
    ends in `.gz` or `.bz2`.
    """
    if name == STANDARD_INPUT:
        yield sys.stdin.buffer
        return
    with _OPEN.get(Path(name).suffix, open)(name, "rb") as lines:
        yield lines


def predict_file(
    predictor: SpanPredictor,
    lines: BinaryIO,
    decoding: Decoding,
    batch_size: int,
    write: Callable[[str], Any],
    progress: Callable[[Iterator[JsonObject]], Iterator[JsonObject]],
) -> PredictedLines:
    """
    Predicts a file of one document a line.

    # Parameters

    predictor, decoding, batch_size :
        As for `predict_lines`.
    lines : `BinaryIO`
    write : `Callable[[str], Any]`
        Takes the line of each output, in order.
    progress : `Callable[[Iterator[JsonObject]], Iterator[JsonObject]]`
        Passes the outputs on, and shows how many there have been.
    """
    total = failed = 0
    for output in progress(predict_lines(predictor, lines, decoding, batch_size)):
        total += 1
        failed += "error" in output
        write(dump_line(output))
    return PredictedLines(total, failed)
