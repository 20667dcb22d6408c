import argparse
import sys
from pathlib import Path

from typing_extensions import override

from sept_runtime.commands.arguments import positive_int, probability
from sept_runtime.commands.command import Command
from sept_runtime.documents import DocumentError
from sept_runtime.formats.files import STANDARD_STREAM, open_output


class Report(Command):
    """The command `sept report`."""

    name = "report"
    description = (
        "Make one self-contained HTML page over a corpus of predictions: counts, trends, related "
        "pairs, a search, and the sentences of each entity."
    )

    @override
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("predictions", help="a file that 'sept predict' wrote")
        parser.add_argument("page", help="the page to write")
        parser.add_argument(
            "--by", metavar="FIELD", help="show trends over the values of a field, such as 'year'"
        )
        parser.add_argument("--title", help="the page's heading (default = the file's name)")
        parser.add_argument(
            "--top",
            type=positive_int,
            default=300,
            metavar="N",
            help="entities to list for each label (default = %(default)s)",
        )
        parser.add_argument(
            "--examples",
            type=positive_int,
            default=10,
            metavar="N",
            help="sentences to show for each entity (default = %(default)s)",
        )
        parser.add_argument(
            "--min-score",
            type=probability,
            default=0.0,
            metavar="N",
            help="leave out entities with a lower score",
        )

    @override
    def run(self, args: argparse.Namespace) -> int:
        from rich.filesize import decimal

        from sept_runtime.views.report.report import render_report

        if args.predictions == STANDARD_STREAM:
            raise DocumentError("the predictions are read twice, so they must be a file, not stdin")
        page = render_report(
            args.predictions,
            args.by,
            args.title or Path(args.predictions).name,
            args.top,
            args.examples,
            args.min_score,
        )
        content = page.encode("utf-8", errors="xmlcharrefreplace")
        with open_output(args.page, inputs=[args.predictions]) as output:
            output.write(content)
        print(f"{args.page}: {decimal(len(content))}", file=sys.stderr)
        return 0
