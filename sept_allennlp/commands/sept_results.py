import argparse
import sys
from pathlib import Path

import pandas
from allennlp.commands.subcommand import Subcommand

from sept_allennlp.commands.subcommand import SeptSubcommand
from sept_allennlp.experiments.results import RunError, collect, to_markdown


@Subcommand.register("sept-results")
class SeptResults(SeptSubcommand):
    """
    `allennlp sept-results RUN... --csv FILE`: precision, recall and F1 of finished runs, with mean
    and standard deviation, as a Markdown table, and as CSV. What is no finished run is left out
    and named.
    """

    requires_plugins = False
    description = "Print the validation scores of finished runs as a Markdown table."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("runs", type=Path, nargs="+", help="the runs' folders")
        parser.add_argument("--csv", type=Path, help="write the rows into this file, too")

    def run(self, args: argparse.Namespace) -> int:
        found = []
        for folder in args.runs:
            try:
                found.append(collect([folder]))
            except RunError as error:
                print(f"{self.name}: {error}", file=sys.stderr)
        if not found:
            return 1
        runs = pandas.concat(found, ignore_index=True)
        if args.csv is not None:
            runs.to_csv(args.csv, index=False, float_format="%.4f")
        print(to_markdown(runs), end="")
        return 0
