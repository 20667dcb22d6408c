import argparse
import sys
from pathlib import Path
from typing import Iterable

from typing_extensions import override

from sept_runtime.commands.command import Command
from sept_runtime.formats.brat import MISALIGNED_POLICIES, Losses, read_brat, write_brat
from sept_runtime.formats.files import open_output
from sept_runtime.formats.json_lines import dump_line
from sept_runtime.formats.predictions import PredictedDocument, read_predictions
from sept_runtime.formats.scierc import document_to_scierc
from sept_runtime.tokenization import tokenize


class Brat(Command):
    """
    The command `sept brat`.

    `to-brat FILE FOLDER` writes predictions or a SciERC file as brat standoff, to view and correct
    them in brat. `from-brat FOLDER FILE` reads the folder back as a SciERC file, to train or
    evaluate on. See `sept_runtime.formats.brat`.
    """

    name = "brat"
    description = "Convert between JSON lines (predictions or SciERC) and brat standoff."

    @override
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        directions = parser.add_subparsers(title="directions", required=True)

        description = "Write a folder for brat: predictions, or without any the gold annotation."
        to_brat = directions.add_parser("to-brat", description=description, help=description)
        to_brat.add_argument("documents", type=Path, help="a file of predictions, or a SciERC file")
        to_brat.add_argument("folder", type=Path, help="the folder to write; new or empty")
        to_brat.add_argument(
            "--gold", action="store_true", help="write the gold annotation, not the predictions"
        )
        to_brat.set_defaults(convert=_to_brat)

        description = "Read a folder of brat's into a SciERC file."
        from_brat = directions.add_parser("from-brat", description=description, help=description)
        from_brat.add_argument(
            "folder", type=Path, help="the folder with .txt and .ann (or .a1 and .a2) files"
        )
        from_brat.add_argument("documents", type=Path, help="the SciERC file to write")
        from_brat.add_argument(
            "--misaligned",
            "--misfits",
            choices=MISALIGNED_POLICIES,
            default="error",
            help="what to do with entities that are not whole words of one sentence, and relations "
            "across sentences: stop, leave them out, or widen entities to the words that they "
            "touch and leave out what does not fit even so (default = %(default)s)",
        )
        from_brat.set_defaults(convert=_from_brat)

    @override
    def run(self, args: argparse.Namespace) -> int:
        args.convert(args)
        return 0


def _to_brat(args: argparse.Namespace) -> None:
    read = list(read_predictions(str(args.documents)))
    documents = [document for document in read if isinstance(document, PredictedDocument)]
    count = write_brat(documents, args.folder, gold=args.gold)
    if len(read) > count:
        print(f"{args.documents}: {len(read) - count} failed inputs skipped", file=sys.stderr)
    print(f"{args.folder}: {count} documents")


def _from_brat(args: argparse.Namespace) -> None:
    documents, report = read_brat(args.folder, tokenize, misaligned=args.misaligned)
    inputs = map(str, args.folder.rglob("*"))
    with open_output(str(args.documents), inputs) as output:
        for document in documents:
            output.write(dump_line(document_to_scierc(document)).encode())
    report_losses(Losses(report.skipped, report.changed), report.ignored)
    for key in report.missing:
        print(f"{args.folder}: document {key!r} is no longer there", file=sys.stderr)
    print(f"{args.documents}: {len(documents)} documents")


def report_losses(losses: Losses, ignored: Iterable[str] = ()) -> None:
    """Print a line on stderr for each annotation that was changed, left out or ignored."""
    for message in losses.changed:
        print(f"changed: {message}", file=sys.stderr)
    for message in losses.misfits:
        print(f"skipped: {message}", file=sys.stderr)
    for message in ignored:
        print(f"ignored: {message}", file=sys.stderr)
