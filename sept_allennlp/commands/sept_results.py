import argparse
import sys
from pathlib import Path

from allennlp.commands.subcommand import Subcommand

from sept_allennlp.results import RunError, collect, to_markdown


@Subcommand.register("sept-results")
class SeptResults(Subcommand):
    """
    `allennlp sept-results RUN... --csv FILE`: precision, recall and F1 of finished runs, with mean
    and standard deviation, as a Markdown table, and as CSV.
    """

    requires_plugins = False

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        description = "Print the validation scores of finished runs as a Markdown table."
        subparser = parser.add_parser(self.name, description=description, help=description)
        subparser.add_argument("runs", type=Path, nargs="+", help="the runs' folders")
        subparser.add_argument("--csv", type=Path, help="write the rows into this file, too")
        subparser.set_defaults(func=_results)
        return subparser


def _results(args: argparse.Namespace) -> None:
    try:
        runs = collect(args.runs)
    except RunError as error:
        sys.exit(str(error))
    if args.csv is not None:
        runs.to_csv(args.csv, index=False, float_format="%.4f")
    print(to_markdown(runs), end="")
