import argparse
import sys
from pathlib import Path
from typing import Iterable, Iterator

from typing_extensions import override

from sept_runtime.commands.arguments import (
    add_calibrated_arguments,
    add_decoding_arguments,
    add_engine_arguments,
    add_record_arguments,
    calibrated_arguments,
    decoding_arguments,
    positive_int,
    record_fields,
)
from sept_runtime.commands.command import Command
from sept_runtime.documents import DocumentError
from sept_runtime.errors import ExportedModelError
from sept_runtime.formats.json_lines import JsonObject
from sept_runtime.formats.predictions.tables import open_predictions
from sept_runtime.formats.records import Record, find_files, open_records


class Predict(Command):
    """
    Command that predicts with an exported model.

    It reads and writes the same lines as `allennlp predict` does with an archive, with the same
    options, messages and exit status.
    """

    name = "predict"
    description = (
        "Find the entities in documents, and the relations between them if the model finds "
        "relations. Write one JSON object per document."
    )
    errors = (DocumentError, ExportedModelError, OSError)

    @override
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument(
            "inputs",
            nargs="*",
            default=[],
            metavar="INPUT",
            help="files, folders or patterns, plain or compressed (gzip, bzip2, xz, Zstandard); - "
            "for stdin. If the first is the folder of an exported model, it is the model",
        )
        source.add_argument(
            "--text",
            action="append",
            help="a text to predict instead of a file; may be given several times",
        )
        parser.add_argument(
            "--model",
            help="the name of an installed model, or the folder of an exported one (default = the "
            "installed model if there is exactly one; 'sept models' lists them)",
        )
        add_record_arguments(parser)
        parser.add_argument(
            "-o",
            "--output-file",
            help="the file to write: JSON lines, or by its suffix a table (.csv, .tsv, .xlsx, "
            ".parquet); compressed if its name ends in .gz, .bz2, .xz or .zst (default = stdout)",
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
            help="the number of documents that share a batch (default = %(default)s)",
        )
        parser.add_argument(
            "--threads",
            type=positive_int,
            help="the number of threads (default = one for each available core)",
        )
        add_engine_arguments(parser)
        parser.add_argument("--silent", action="store_true", help="show no progress")
        add_decoding_arguments(parser)
        add_calibrated_arguments(parser)

    @override
    def run(self, args: argparse.Namespace) -> int:
        # Importing it here keeps other commands light.
        from sept_runtime.inference.prediction_files import Requests, predict_file
        from sept_runtime.models import find_model
        from sept_runtime.onnx.folder import CONFIGURATION
        from sept_runtime.onnx.predictor import ExportedPredictor

        paths, model = list(args.inputs), args.model
        if len(paths) > 1 and model is None and (Path(paths[0]) / CONFIGURATION).is_file():
            model = paths.pop(0)
        inputs = find_files(paths)
        with open_predictions(args.output_file, inputs, args.keep or None) as output:
            predictor = ExportedPredictor(
                find_model(model), args.threads, args.engine, args.precision
            )
            try:
                decoding = predictor.decoding.changed(**decoding_arguments(args))
            except ValueError as error:
                raise DocumentError(f"--predictor-args: {error}") from None
            decoding = decoding.changed(**calibrated_arguments(args, predictor.calibration))
            texts = list(enumerate(args.text or [], start=1))
            records = (
                (Record(f"text {n}", n, {"text": text}, None, True) for n, text in texts)
                if texts
                else _records(inputs, args)
            )

            def write(found: JsonObject) -> None:
                output.write(found)
                if args.unbuffered:
                    output.flush()

            predicted = predict_file(
                predictor,
                Requests(records, record_fields(args)),
                decoding,
                args.batch_size,
                write,
                _silent if args.silent else _shown,
                args.unbuffered,
            )
        print(predicted, file=sys.stderr)
        return predicted.status


def _records(paths: Iterable[str], args: argparse.Namespace) -> Iterator[Record]:
    told = {"jsonl"}
    for path in paths:
        with open_records(path, args.format, args.one_per_line) as file:
            if file.format not in told:
                print(f"{file.name}: read as {file.format}", file=sys.stderr)
                told.add(file.format)
            yield from file.records


def _shown(outputs: Iterator[JsonObject]) -> Iterator[JsonObject]:
    """Count the outputs on a terminal; show nothing elsewhere."""
    # Imported when needed, which keeps other commands light.
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
