import argparse
import json
import sys
from pathlib import Path

from allennlp.commands.subcommand import Subcommand

from sept_runtime.documents import DocumentError
from sept_runtime.formats.brat import MISALIGNED_POLICIES, read_brat, write_brat
from sept_runtime.formats.predictions import PredictedDocument, read_predictions
from sept_runtime.formats.scierc import document_to_scierc


@Subcommand.register("sept-brat")
class SeptBrat(Subcommand):
    """
    `allennlp sept-brat to-brat FILE FOLDER` writes predictions or a SciERC file as brat standoff,
    to be looked at and corrected in brat; `allennlp sept-brat from-brat FOLDER FILE` reads the
    folder back as a SciERC file, to train or evaluate on. See `sept_runtime.formats.brat`.

    Registered as a `Subcommand` with name "sept-brat".
    """

    requires_plugins = False

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        description = "Convert between JSON lines (predictions or SciERC) and brat standoff."
        subparser = parser.add_parser(self.name, description=description, help=description)
        directions = subparser.add_subparsers(title="directions", required=True)

        description = "Write a folder for brat: predicted entities, or gold where there are none."
        to_brat = directions.add_parser("to-brat", description=description, help=description)
        to_brat.add_argument(
            "documents", type=Path, help="what the predictor wrote, or a SciERC file"
        )
        to_brat.add_argument("folder", type=Path, help="the folder to write; new or empty")
        to_brat.add_argument(
            "--gold", action="store_true", help="write the gold annotation, not the predictions"
        )
        to_brat.set_defaults(func=to_brat_from_args)

        description = "Read a folder of brat's into a SciERC file."
        from_brat = directions.add_parser("from-brat", description=description, help=description)
        from_brat.add_argument("folder", type=Path, help="the folder with .txt and .ann files")
        from_brat.add_argument("documents", type=Path, help="the SciERC file to write")
        from_brat.add_argument(
            "--misfits",
            choices=MISALIGNED_POLICIES,
            default="error",
            help="what to do with an entity that does not fit whole words of one sentence: stop, "
            "leave it out, or widen it to the words that it touches",
        )
        from_brat.set_defaults(func=from_brat_from_args)
        return subparser


def to_brat_from_args(args: argparse.Namespace) -> None:
    try:
        read = list(read_predictions(str(args.documents)))
        documents = [document for document in read if isinstance(document, PredictedDocument)]
        count = write_brat(documents, args.folder, gold=args.gold)
    except (DocumentError, OSError) as error:
        sys.exit(f"sept-brat: {error}")
    if len(read) > count:
        print(f"{args.documents}: {len(read) - count} failed inputs skipped", file=sys.stderr)
    print(f"{args.folder}: {count} documents")


def from_brat_from_args(args: argparse.Namespace) -> None:
    # Only this direction needs the tokeniser, and only for texts that to-brat did not write.
    from sept_runtime.tokenization import tokenise

    try:
        documents, report = read_brat(args.folder, tokenise, misaligned=args.misfits)
        lines = "".join(json.dumps(document_to_scierc(document)) + "\n" for document in documents)
        args.documents.write_text(lines, encoding="utf-8")
    except (DocumentError, OSError) as error:
        sys.exit(f"sept-brat: {error}")
    for message in report.skipped:
        print(f"skipped: {message}", file=sys.stderr)
    for kind, number in sorted(report.ignored.items()):
        print(f"{args.folder}: {number} {kind} ignored", file=sys.stderr)
    for key in report.missing:
        print(f"{args.folder}: document {key!r} is no longer there", file=sys.stderr)
    print(f"{args.documents}: {len(documents)} documents")
