import argparse
import sys
from pathlib import Path

from typing_extensions import override

from sept_runtime.commands.command import Command
from sept_runtime.formats.files import open_output
from sept_runtime.formats.predictions import FailedInput, read_predictions


class Html(Command):
    """Command that renders predictions, or a gold annotation, as an HTML page."""

    name = "html"
    description = (
        "Write a self-contained HTML page that shows entities and relations in the text. If the "
        "file has predictions and a gold annotation, the page shows what was found, missed and "
        "wrong."
    )

    @override
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "predictions",
            type=Path,
            help="a file that 'sept predict' wrote, or a SciERC file; - for stdin",
        )
        parser.add_argument("page", type=Path, help="the page to write")
        parser.add_argument(
            "--title", help="the page's heading (default = the predictions' file name)"
        )

    @override
    def run(self, args: argparse.Namespace) -> int:
        # Importing it here keeps other commands light.
        from sept_runtime.views.html.page import render_page

        documents = list(read_predictions(str(args.predictions)))
        name = "Entities" if str(args.predictions) == "-" else args.predictions.name
        page = render_page(documents, title=args.title or name)
        with open_output(str(args.page), inputs=[str(args.predictions)]) as output:
            # Lone surrogates, which JSON allows and UTF-8 does not, become references.
            output.write(page.encode("utf-8", errors="xmlcharrefreplace"))
        failed = sum(isinstance(document, FailedInput) for document in documents)
        if failed:
            print(f"{args.predictions}: {failed} failed inputs", file=sys.stderr)
        shown = len(documents) - failed
        print(f"{args.page}: {shown} document{'' if shown == 1 else 's'}")
        return 0
