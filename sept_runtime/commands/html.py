import argparse
import sys
from pathlib import Path

from sept_runtime.commands.command import Command
from sept_runtime.formats.files import open_output
from sept_runtime.formats.predictions import FailedInput, read_predictions
from sept_runtime.views.html.page import render_page


class Html(Command):
    """
    Makes a page to look at from predictions; see `sept_runtime.views.html`. A SciERC file will do
    as well: its annotation is shown.
    """

    name = "html"
    description = (
        "Show predicted entities in the text, as a self-contained HTML page; where the "
        "predictions hold the gold annotation too, what was found, missed and wrong."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """The predictions, the page, and its heading."""
        parser.add_argument(
            "predictions", type=Path, help="what the predictor wrote, or a SciERC file"
        )
        parser.add_argument("page", type=Path, help="the page to write")
        parser.add_argument(
            "--title", help="the page's heading (default = the predictions' file name)"
        )

    def run(self, args: argparse.Namespace) -> int:
        """
        # Raises

        `DocumentError` for what are no predictions, and for a page that would replace them.
        """
        documents = list(read_predictions(str(args.predictions)))
        page = render_page(documents, title=args.title or args.predictions.name)
        with open_output(str(args.page), inputs=[str(args.predictions)]) as output:
            # Lone surrogates, which JSON allows and UTF-8 does not, become references.
            output.write(page.encode("utf-8", errors="xmlcharrefreplace"))
        failed = sum(isinstance(document, FailedInput) for document in documents)
        if failed:
            print(f"{args.predictions}: {failed} failed inputs", file=sys.stderr)
        shown = len(documents) - failed
        print(f"{args.page}: {shown} document{'' if shown == 1 else 's'}")
        return 0
