import argparse
import sys
from typing import Iterator, List, Optional

from typing_extensions import override

from sept_runtime.commands.arguments import count, probability
from sept_runtime.commands.command import Command
from sept_runtime.formats.files import open_output
from sept_runtime.formats.predictions import FailedInput, PredictedDocument, read_predictions
from sept_runtime.formats.scierc import read_scierc


class Errors(Command):
    """Command that explains the errors of predictions for annotated documents."""

    name = "errors"
    description = (
        "Explain the errors of predictions for annotated documents: kinds of errors with examples, "
        "scores by label, width, sentence length and nesting, confusion of labels, precision by "
        "score."
    )

    @override
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "predictions",
            help="predictions that also hold the gold annotation, such as a training's "
            "validation_predictions.jsonl",
        )
        parser.add_argument(
            "--against",
            metavar="PREDICTIONS",
            help="compare with another system's predictions for the same documents",
        )
        parser.add_argument(
            "--train",
            metavar="FILE",
            help="the training data (SciERC's format), to tell seen entities from unseen ones",
        )
        parser.add_argument(
            "--min-score",
            type=probability,
            default=0.0,
            help="ignore predicted entities with a lower score",
        )
        parser.add_argument(
            "--examples",
            type=count,
            default=5,
            help="examples for each kind of error (default = %(default)s)",
        )
        parser.add_argument("--html", metavar="FILE", help="also write an HTML page")
        parser.add_argument("--csv", metavar="FILE", help="also write all entities as CSV")

    @override
    def run(self, args: argparse.Namespace) -> int:
        # Importing them here keeps other commands light.
        from rich.console import Console

        from sept_runtime.analysis.errors import analyze_errors, compare_systems
        from sept_runtime.views.errors import print_errors, render_errors, to_csv

        training = None if args.train is None else list(read_scierc(args.train))
        report = analyze_errors(_documents(args.predictions), training, args.min_score)
        comparison = None
        if args.against is not None:
            other = analyze_errors(_documents(args.against), training, args.min_score)
            comparison = compare_systems(report, other)
        inputs: List[Optional[str]] = [args.predictions, args.against, args.train]
        given = [name for name in inputs if name is not None]
        # On a terminal, tables are as wide as they need; text is wrapped by the terminal itself.
        console = Console(width=10_000, soft_wrap=True)
        print_errors(report, comparison, args.examples, console)
        if args.html is not None:
            _write(
                args.html, render_errors(report, comparison, args.examples, args.predictions), given
            )
        if args.csv is not None:
            _write(args.csv, to_csv(report), given)
        return 0


def _write(path: str, text: str, inputs: List[str]) -> None:
    with open_output(path, inputs=inputs) as output:
        output.write(text.encode("utf-8", errors="xmlcharrefreplace"))


def _documents(path: str) -> Iterator[PredictedDocument]:
    failed = 0
    for line in read_predictions(path):
        if isinstance(line, FailedInput):
            failed += 1
        else:
            yield line
    if failed:
        print(f"{path}: {failed} failed inputs are left out", file=sys.stderr)
