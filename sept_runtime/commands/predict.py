import argparse
import contextlib
import sys
from pathlib import Path
from typing import Iterator

from sept_runtime.commands.arguments import (
    add_decoding_arguments,
    add_engine_arguments,
    decoding_arguments,
    positive_int,
)
from sept_runtime.commands.command import Command
from sept_runtime.documents import DocumentError
from sept_runtime.errors import ExportedModelError
from sept_runtime.formats.json_lines import JsonObject


class Predict(Command):
    """
    `sept predict exported/ abstracts.jsonl -o out.jsonl` predicts by an exported model what
    `allennlp predict` does by its archive: the same lines, options, messages and exit status.
    """

    name = "predict"
    description = (
        "Find the entities in documents, one JSON object a line, by a model that 'allennlp "
        "sept-export' has written."
    )
    errors = (DocumentError, ExportedModelError, OSError)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """The model, the documents, and options."""
        parser.add_argument("model", type=Path, help="the folder of the exported model")
        parser.add_argument(
            "input_file", help="the documents; decompressed if it ends in .gz or .bz2, - for stdin"
        )
        parser.add_argument(
            "-o", "--output-file", help="where the predictions go (default = to stdout)"
        )
        parser.add_argument(
            "--batch-size",
            type=positive_int,
            default=32,
            help="how many documents go through the model at once (default = %(default)s)",
        )
        parser.add_argument(
            "--threads", type=positive_int, help="(default = as many as there are cores to use)"
        )
        add_engine_arguments(parser)
        parser.add_argument("--silent", action="store_true", help="show no progress")
        add_decoding_arguments(parser)

    def run(self, args: argparse.Namespace) -> int:
        """Predicts, and says how many lines failed."""
        # Only now: the other commands need no model.
        from sept_runtime.inference.prediction_files import open_lines, predict_file
        from sept_runtime.onnx.predictor import ExportedPredictor

        with contextlib.ExitStack() as files:
            # First, because it takes no time to find that it is not there.
            lines = files.enter_context(open_lines(args.input_file))
            predictor = ExportedPredictor(args.model, args.threads, args.engine, args.precision)
            try:
                decoding = predictor.decoding.changed(**decoding_arguments(args))
            except ValueError as error:
                raise DocumentError(f"--predictor-args: {error}") from None
            output = sys.stdout
            if args.output_file is not None:
                output = files.enter_context(open(args.output_file, "w", encoding="utf-8"))
            progress = _silent if args.silent else _shown
            predicted = predict_file(
                predictor, lines, decoding, args.batch_size, output.write, progress
            )
        print(predicted, file=sys.stderr)
        return predicted.status


def _shown(outputs: Iterator[JsonObject]) -> Iterator[JsonObject]:
    """Counts them on a terminal; anywhere else nothing is shown."""
    # Not needed where there is none, or another command runs.
    from rich.console import Console
    from rich.progress import (
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        yield from outputs
        return
    columns = SpinnerColumn(), TextColumn("annotating"), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console) as progress:
        yield from progress.track(outputs)


def _silent(outputs: Iterator[JsonObject]) -> Iterator[JsonObject]:
    return outputs
