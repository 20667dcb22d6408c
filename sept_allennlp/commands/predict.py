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

import contextlib
import sys
from typing import Any, Optional, TextIO

from allennlp.commands import predict
from allennlp.common.file_utils import cached_path
from allennlp.common.tqdm import Tqdm
from allennlp.predictors import Predictor

from sept_allennlp.predictors import SEPTPredictor
from sept_runtime.inference.prediction_files import STANDARD_INPUT, open_lines, predict_file

_AllenNLPManager = predict._PredictManager


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
        with contextlib.ExitStack() as files:
            output_file: Optional[TextIO] = None
            if self._output_file is not None:
                output_file = files.enter_context(open(self._output_file, "w", encoding="utf-8"))

            def write(line: str) -> None:
                if output_file is not None:
                    output_file.write(line)
                if self._print_to_console:
                    print("prediction: ", line, end="")

            predicted = predict_file(
                self._predictor,
                files.enter_context(open_lines(self._local_input())),
                self._predictor.decoding,
                self._batch_size,
                write,
                lambda outputs: Tqdm.tqdm(outputs, desc="annotating", unit="doc"),
            )
        print(predicted, file=sys.stderr)
        if predicted.status:
            raise SystemExit(predicted.status)

    def _local_input(self) -> str:
        """The input on this machine, if it is an address."""
        if self._input_file == STANDARD_INPUT:
            return self._input_file
        return str(cached_path(self._input_file))


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
    predict._PredictManager = _make_manager  # type: ignore[assignment, misc]
