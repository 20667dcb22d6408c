import argparse
import sys
from pathlib import Path

from allennlp.commands.subcommand import Subcommand

from sept_runtime.documents import DocumentError
from sept_runtime.formats.predictions import FailedInput, read_predictions
from sept_runtime.views.html.page import render_page


@Subcommand.register("sept-html")
class SeptHtml(Subcommand):
    """
    `allennlp sept-html predictions.jsonl page.html` makes a page to look at from what
    `allennlp predict` wrote; see `html_page.render_page`. A SciERC file will do as well: its
    annotation is shown.

    Registered as a `Subcommand` with name "sept-html".
    """

    requires_plugins = False

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        description = (
            "Show predicted entities in the text, as a self-contained HTML page; where the "
            "predictions hold the gold annotation too, what was found, missed and wrong."
        )
        subparser = parser.add_parser(self.name, description=description, help=description)
        subparser.add_argument(
            "predictions", type=Path, help="what the predictor wrote, or a SciERC file"
        )
        subparser.add_argument("page", type=Path, help="the page to write")
        subparser.add_argument(
            "--title", help="the page's heading (default = the predictions' file name)"
        )
        subparser.set_defaults(func=write_page_from_args)
        return subparser


def write_page_from_args(args: argparse.Namespace) -> None:
    try:
        documents = list(read_predictions(str(args.predictions)))
        if args.page.exists() and args.page.samefile(args.predictions):
            raise DocumentError(f"{args.page}: the page would replace the predictions")
        page = render_page(documents, title=args.title or args.predictions.name)
        # Half of a surrogate pair, which JSON allows and UTF-8 does not, becomes a reference.
        args.page.write_text(page, encoding="utf-8", errors="xmlcharrefreplace")
    except (DocumentError, OSError) as error:
        sys.exit(f"sept-html: {error}")
    failed = sum(isinstance(document, FailedInput) for document in documents)
    if failed:
        print(f"{args.predictions}: {failed} failed inputs", file=sys.stderr)
    shown = len(documents) - failed
    print(f"{args.page}: {shown} document{'' if shown == 1 else 's'}")
