import argparse
import sys
from pathlib import Path
from typing import Any, List, Sequence

from typing_extensions import override

from sept_runtime.commands.arguments import positive_int, probability
from sept_runtime.commands.command import Command
from sept_runtime.documents import DocumentError
from sept_runtime.formats.predictions.tables import TABLE_SUFFIXES, write_table

# The columns of a table that are not numbers.
_TEXTS = ("entity", "label", "head", "head_label", "tail", "tail_label")
CHART_SUFFIXES = (".png", ".svg", ".pdf")


class Count(Command):
    """The command `sept count`."""

    name = "count"
    description = (
        "Count entities over a corpus of predictions, by documents. Spellings that differ in case, "
        "hyphens or plural count as one, and so do an acronym and its long form."
    )

    @override
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("predictions", help="a file that 'sept predict' wrote; - for stdin")
        parser.add_argument("--label", help="count only entities with this label")
        parser.add_argument(
            "--top",
            type=positive_int,
            default=50,
            metavar="N",
            help="show the N most frequent (default = %(default)s)",
        )
        parser.add_argument(
            "--by",
            metavar="FIELD",
            help="also count by the values of a field, such as 'year' ('sept predict --keep year' "
            "keeps it)",
        )
        parser.add_argument(
            "--relation",
            metavar="LABEL",
            help="count related pairs instead, such as USED-FOR: which Method for which Task",
        )
        parser.add_argument(
            "--tail-label", metavar="LABEL", help="with --relation, the label of the second entity"
        )
        parser.add_argument(
            "--min-score",
            type=probability,
            default=0.0,
            metavar="N",
            help="leave out entities with a lower score",
        )
        parser.add_argument(
            "-o",
            "--output-file",
            metavar="FILE",
            help="write the table instead of showing it: CSV, or by the suffix of the file "
            f"{', '.join(TABLE_SUFFIXES[1:])}",
        )
        parser.add_argument(
            "--chart",
            metavar="FILE",
            help="draw a bar chart, or with --by a trend, as .svg, .png or .pdf (extra 'charts')",
        )

    @override
    def run(self, args: argparse.Namespace) -> int:
        from sept_runtime.analysis import count_predictions

        if args.chart and Path(args.chart).suffix not in CHART_SUFFIXES:
            raise DocumentError(
                f"--chart must end in {', '.join(CHART_SUFFIXES)}, got {args.chart!r}"
            )
        if args.tail_label and not args.relation:
            raise DocumentError("--tail-label needs --relation")
        if args.chart and args.relation:
            raise DocumentError("--chart draws entities, so --relation cannot be combined with it")
        counts = count_predictions(args.predictions, args.by, args.min_score)
        if args.by and counts.num_documents and not counts.documents_by_value:
            raise DocumentError(
                f"{args.predictions}: no document has the field {args.by!r}; keep it in prediction "
                f"by 'sept predict --keep {args.by}'"
            )
        values = sorted(counts.documents_by_value)
        if args.relation:
            heads = ["head", "head_label", "tail", "tail_label", "documents"]
            pairs = counts.pairs(args.relation, args.label, args.tail_label, args.top)
            rows: List[List[Any]] = [
                [pair.head, pair.head_label, pair.tail, pair.tail_label, pair.documents]
                for pair in pairs
            ]
        else:
            heads = ["entity", "label", "documents", "mentions", *values]
            entities = counts.entities(args.label, args.top)
            rows = [
                [
                    each.name,
                    each.label,
                    each.documents,
                    each.mentions,
                    *(each.by_value[value] for value in values),
                ]
                for each in entities
            ]
        if args.output_file is not None:
            numbers = dict.fromkeys(["documents", "mentions", *values], int)
            name = "pairs" if args.relation else "entities"
            write_table(args.output_file, [args.predictions], name, heads, rows, numbers)
        else:
            _show(heads, rows)
        if args.chart:
            from sept_runtime.views.charts import draw_counts

            draw_counts(args.chart, entities, values if args.by else [])
        failed = f", {counts.num_failed} failed inputs" if counts.num_failed else ""
        print(f"{args.predictions}: {counts.num_documents} documents{failed}", file=sys.stderr)
        return 0


def _show(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE)
    for head in heads:
        is_number = head not in _TEXTS
        table.add_column(head, justify="right" if is_number else "left", no_wrap=is_number)
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    console = Console()
    # Elsewhere than on a terminal nothing is wrapped or cut.
    if not console.is_terminal:
        console = Console(width=10_000)
    console.print(table)
