"""
`allennlp predict` without lost lines, for models with a `SEPTPredictor`.

AllenNLP's command reads its input as text, line by line, and stops at the first line that is not
UTF-8 or not JSON. It skips blank lines, so that output lines no longer stand beside their input
lines, and it empties the output file before it reads the input. None of that can be changed from a
`Predictor`, and AllenNLP imports plugins only after it has set up its own commands, so a plugin
cannot register its own `predict`. A plugin can replace `_PredictManager`, which the command
looks up when it runs. AllenNLP 2.10.1 is its last release, so the name will stay.
"""

import argparse
import contextlib
import io
import sys
from typing import Any, BinaryIO, Optional

from allennlp.commands import predict
from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import cached_path
from allennlp.common.tqdm import Tqdm
from allennlp.predictors import Predictor

from sept_allennlp.predictors import SEPTPredictor
from sept_runtime.commands.arguments import json_object
from sept_runtime.documents import DocumentError
from sept_runtime.formats.files import STANDARD_STREAM, open_input, open_output, write_aside
from sept_runtime.formats.json_lines import JsonObject, dump_line
from sept_runtime.formats.records import read_lines
from sept_runtime.inference.prediction_files import Requests, predict_file

_AllenNLPManager = predict._PredictManager
_get_predictor = predict._get_predictor


class SEPTPredictManager:
    """
    Replacement of AllenNLP's `_PredictManager` for a `SEPTPredictor`.

    # Parameters

    predictor, input_file, output_file, batch_size, print_to_console :
        As the command gives them; files are read and written as `sept_runtime.formats.files` says.
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
        Predict the file.

        # Raises

        `SystemExit` with status 1 at the end, if any line could not be predicted.
        """
        if isinstance(sys.stdout, io.TextIOWrapper):
            # Characters that the locale lacks are escaped; they never end a run.
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            status = self._predict()
        except (DocumentError, OSError) as error:
            sys.exit(f"allennlp predict: {error}")
        if status:
            sys.exit(status)

    def _predict(self) -> int:
        local = self._input_file
        if local != STANDARD_STREAM:
            local = str(cached_path(local))
        with contextlib.ExitStack() as files:
            lines = files.enter_context(open_input(local, self._input_file))
            output: Optional[BinaryIO] = None
            if self._output_file is not None:
                output = files.enter_context(open_output(self._output_file, inputs=[local]))

            def write(found: JsonObject) -> None:
                line = dump_line(found)
                if output is not None:
                    output.write(line.encode())
                if self._print_to_console:
                    print("prediction: ", line, end="")

            predicted = predict_file(
                self._predictor,
                Requests(read_lines(lines, self._input_file)),
                self._predictor.decoding,
                self._batch_size,
                write,
                lambda outputs: Tqdm.tqdm(outputs, desc="annotating", unit="doc"),
            )
        print(predicted, file=sys.stderr)
        return predicted.status


class _AsideManager:
    """
    AllenNLP's own `_PredictManager`, which would empty its output file before it reads its input.

    # Parameters

    predictor, input_file, output_file, *others :
        As the command gives them.
    """

    def __init__(
        self, predictor: Predictor, input_file: str, output_file: Optional[str], *others: Any
    ) -> None:
        self._input_file = input_file
        self._output_file = output_file
        self._make = lambda output: _AllenNLPManager(predictor, input_file, output, *others)

    def run(self) -> None:
        """Predict into a file aside, and rename it at the end."""
        if self._output_file is None:
            self._make(None).run()
            return
        with write_aside(self._output_file, inputs=[self._input_file]) as aside:
            self._make(str(aside)).run()


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
    return _AsideManager(
        predictor,
        input_file,
        output_file,
        batch_size,
        print_to_console,
        has_dataset_reader,
        multitask_head,
    )


def _get_predictor_or_exit(args: argparse.Namespace) -> Predictor:
    """Load the predictor, and report invalid options in one line."""
    try:
        if args.predictor_args.strip():
            json_object(args.predictor_args)
        return _get_predictor(args)
    except argparse.ArgumentTypeError as error:
        sys.exit(f"allennlp predict: --predictor-args: {error}")
    except ConfigurationError as error:
        sys.exit(f"allennlp predict: {error}")


def install() -> None:
    """Replace how `allennlp predict` loads the predictor, and reads and writes files."""
    predict._get_predictor = _get_predictor_or_exit
    predict._PredictManager = _make_manager  # type: ignore[assignment, misc]
