import argparse
from itertools import islice
from typing import Optional

from typing_extensions import override

from sept_runtime.commands.arguments import positive_int
from sept_runtime.commands.command import Command
from sept_runtime.formats.predictions import read_predictions


class Show(Command):
    """Command that prints entities and relations as tables."""

    name = "show"
    description = (
        "Print predicted entities and relations as tables. For files without predictions, print "
        "the gold annotation."
    )

    @override
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "predictions", help="a file that 'sept predict' wrote, or a SciERC file; - for stdin"
        )
        number = parser.add_mutually_exclusive_group()
        number.add_argument(
            "--documents",
            type=positive_int,
            default=10,
            metavar="N",
            help="the number of documents to show (default = %(default)s)",
        )
        number.add_argument("--all", action="store_true", help="show all documents")

    @override
    def run(self, args: argparse.Namespace) -> int:
        # Importing it here keeps other commands light.
        from sept_runtime.views.terminal import print_document

        limit: Optional[int] = None if args.all else args.documents
        shown = 0
        for document in islice(read_predictions(args.predictions), limit):
            print_document(document)
            shown += 1
        # Without reading on, it is unknown whether there are more.
        if shown == limit:
            documents = "1 document" if limit == 1 else f"{limit} documents"
            print(f"Stopped after {documents}; use --all to show all.")
        return 0
