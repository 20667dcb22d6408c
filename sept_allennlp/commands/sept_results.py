import argparse
import sys
from pathlib import Path

import pandas
from allennlp.commands.subcommand import Subcommand

from sept_allennlp.experiments.comparison import Difference, compare, read_system
from sept_allennlp.experiments.errors import RunError
from sept_allennlp.experiments.results import collect, to_markdown


@Subcommand.register("sept-results")
class SeptResults(Subcommand):
    """
    `allennlp sept-results RUN... --csv FILE`: precision, recall and F1 of finished runs, with mean
    and standard deviation, as a Markdown table, and as CSV. What is no finished run is left out
    and named.

    `allennlp sept-results SYSTEM... --against REFERENCE`: by how much the F1 of each system is
    higher than that of the reference, with a 95% interval; see docs/experiments.md.

    Registered as a `Subcommand` with name "sept-results".
    """

    requires_plugins = False

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        description = (
            "Print the validation scores of finished runs as a Markdown table, or how systems "
            "differ from another."
        )
        subparser = parser.add_parser(self.name, description=description, help=description)
        subparser.add_argument("runs", type=Path, nargs="+", help="the runs' folders")
        subparser.add_argument(
            "--against",
            type=Path,
            help="the system to compare with: the folder of a run of a suite, with all its seeds, "
            "or of one training, or a file of predictions; then RUNS are such, too",
        )
        subparser.add_argument("--csv", type=Path, help="write the rows into this file, too")
        subparser.set_defaults(func=_results)
        return subparser


def _results(args: argparse.Namespace) -> None:
    try:
        rows = _differences(args) if args.against else _scores(args)
    except RunError as error:
        sys.exit(f"sept-results: {error}")
    if args.csv is not None:
        rows.to_csv(args.csv, index=False, float_format="%.4f")


def _scores(args: argparse.Namespace) -> pandas.DataFrame:
    found = []
    for folder in args.runs:
        try:
            found.append(collect([folder]))
        except RunError as error:
            print(f"sept-results: {error}", file=sys.stderr)
    if not found:
        sys.exit(1)
    runs = pandas.concat(found, ignore_index=True)
    print(to_markdown(runs), end="")
    return runs


def _differences(args: argparse.Namespace) -> pandas.DataFrame:
    reference = read_system(args.against)
    rows = []
    for path in args.runs:
        names = (path.name, args.against.name)
        if path.name == args.against.name:
            names = (str(path), str(args.against))
        difference = compare(read_system(path), reference, names)
        print(f"{names[0]} - {names[1]}: {difference}")
        rows.append((*names, *difference))
    return pandas.DataFrame(rows, columns=["system", "reference", *Difference._fields])
