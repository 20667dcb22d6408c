"""
`allennlp predict` for piles of abstracts: no line lost, batches of like length, no run stopped by
a bad line.

AllenNLP's command reads its input as text, line by line, and stops at the first line that is not
UTF-8 or not JSON; it skips blank lines, so that output lines no longer stand beside their input
lines; and it batches lines as they come. None of that can be changed from a `Predictor`. And
AllenNLP imports plugins only after it has set up its own commands, so a plugin cannot register a
`predict` of its own. What a plugin can do is to put its reader of input in the place of
`_PredictManager`, which the command looks up when it runs; for models of other predictors nothing
changes. AllenNLP 2.10.1 is its last release, so the name will stay.
"""

import sys
from typing import Any, BinaryIO, Iterable, Iterator, Optional, TextIO

from allennlp.commands import predict
from allennlp.common.file_utils import cached_path, open_compressed
from allennlp.common.tqdm import Tqdm
from allennlp.predictors import Predictor

from sept_allennlp.predictors import SEPTPredictor
from sept_allennlp.predictors.sept import Request
from sept_runtime.documents import DocumentError
from sept_runtime.formats.json_lines import JsonObject, parse_line

_AllenNLPManager = predict._PredictManager


def annotate_lines(
    predictor: SEPTPredictor, lines: Iterable[bytes], batch_size: int
) -> Iterator[JsonObject]:
    """
    An output for each line of input, in order: the annotated document, or `error` and the `line`'s
    number. The lines are read as they are needed.
    """
    outputs = predictor.annotate(map(_request, lines), batch_size)
    for number, output in enumerate(outputs, start=1):
        if "error" in output:
            output["line"] = number
        yield output


def _request(line: bytes) -> Request:
    try:
        return Request.from_json(parse_line(line))
    except DocumentError as error:
        return Request(None, error)


class SEPTPredictManager:
    """
    What stands in the place of AllenNLP's `_PredictManager` for a `SEPTPredictor`.

    # Parameters

    predictor, input_file, output_file, batch_size, print_to_console :
        As the command gives them; an `input_file` of "-" is the standard input, one that ends in
        `.gz` or `.bz2` is decompressed.
    """

    def __init__(
        self,
        predictor: SEPTPredictor,
        input_file: str,
        output_file: Optional[str],
        batch_size: int,
        print_to_console: bool,
    ) -> None:
        self._predictor = predictor
        self._input_file = input_file
        self._output_file = output_file
        self._batch_size = batch_size
        self._print_to_console = print_to_console

    def run(self) -> None:
        """
        # Raises

        `SystemExit` with status 1 at the end, if any line could not be predicted.
        """
        output_file: Optional[TextIO] = None
        if self._output_file is not None:
            output_file = open(self._output_file, "w", encoding="utf-8")
        total = failed = 0
        try:
            lines = self._open_input()
            outputs = annotate_lines(self._predictor, lines, self._batch_size)
            for output in Tqdm.tqdm(outputs, desc="annotating", unit="doc"):
                total += 1
                failed += "error" in output
                dumped = self._predictor.dump_line(output)
                if output_file is not None:
                    output_file.write(dumped)
                if self._print_to_console:
                    print("prediction: ", dumped, end="")
        finally:
            if output_file is not None:
                output_file.close()
        print(f"{total} lines, {total - failed} annotated, {failed} failed", file=sys.stderr)
        if failed:
            print("The lines that failed hold 'error' and 'line' in the output.", file=sys.stderr)
            raise SystemExit(1)

    def _open_input(self) -> BinaryIO:
        if self._input_file == "-":
            return sys.stdin.buffer
        return open_compressed(cached_path(self._input_file), mode="rb", encoding=None)


def _make_manager(
    predictor: Predictor,
    input_file: str,
    output_file: Optional[str],
    batch_size: int,
    print_to_console: bool,
    has_dataset_reader: bool,
    multitask_head: Optional[str] = None,
) -> Any:
    if isinstance(predictor, SEPTPredictor) and not has_dataset_reader:
        return SEPTPredictManager(predictor, input_file, output_file, batch_size, print_to_console)
    return _AllenNLPManager(
        predictor,
        input_file,
        output_file,
        batch_size,
        print_to_console,
        has_dataset_reader,
        multitask_head,
    )


def install() -> None:
    """Has `allennlp predict` read the input of a `SEPTPredictor` as described above."""
    predict._PredictManager = _make_manager
