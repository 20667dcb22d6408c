import argparse
import json
import sys
from pathlib import Path
from typing import Any, Dict, Iterator

from sept_runtime.commands.command import Command, positive_int
from sept_runtime.commands.engine_arguments import add_engine_arguments
from sept_runtime.documents import DocumentError
from sept_runtime.errors import ExportedModelError
from sept_runtime.formats.files import open_input, open_output
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
            "input_file",
            help="the documents, plain or compressed (gzip, bzip2, xz, Zstandard); - for stdin",
        )
        parser.add_argument(
            "-o",
            "--output-file",
            help="the file to write, compressed if its name ends in .gz, .bz2, .xz or .zst "
            "(default = stdout)",
        )
        parser.add_argument(
            "--unbuffered",
            action="store_true",
            help="answer each line before the next one is read",
        )
        parser.add_argument(
            "--batch-size",
            type=positive_int,
            default=32,
            help="how many documents go through the model at once (default = %(default)s)",
        )
        parser.add_argument(
            "--predictor-args",
            type=_options,
            default={},
            metavar="JSON",
            help="min_score, flat and top_labels, as in '{\"min_score\": 0.5}'",
        )
        parser.add_argument(
            "--threads", type=positive_int, help="(default = as many as there are cores to use)"
        )
        add_engine_arguments(parser)
        parser.add_argument("--silent", action="store_true", help="show no progress")

    def run(self, args: argparse.Namespace) -> int:
        """Predicts, and says how many lines failed."""
        # Only now: the other commands need no model.
        from sept_runtime.inference.prediction_files import predict_file
        from sept_runtime.onnx.predictor import ExportedPredictor

        with (
            open_input(args.input_file) as lines,
            open_output(args.output_file, inputs=[args.input_file]) as output,
        ):
            predictor = ExportedPredictor(args.model, args.threads, args.engine, args.precision)
            try:
                decoding = predictor.decoding.changed(**args.predictor_args)
            except (TypeError, ValueError) as error:
                raise DocumentError(f"--predictor-args: {error}") from None

            def write(line: str) -> None:
                output.write(line.encode())
                if args.unbuffered:
                    output.flush()

            predicted = predict_file(
                predictor,
                lines,
                decoding,
                args.batch_size,
                write,
                _silent if args.silent else _shown,
                args.unbuffered,
            )
        print(predicted, file=sys.stderr)
        return predicted.status


def _options(text: str) -> Dict[str, Any]:
    options = json.loads(text)
    if not isinstance(options, dict):
        raise argparse.ArgumentTypeError("must be a JSON object")
    return options


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
