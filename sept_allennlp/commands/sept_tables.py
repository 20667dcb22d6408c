import argparse
import sys
from pathlib import Path

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError
from typing_extensions import override

from sept_allennlp.commands.subcommand import SeptSubcommand


@Subcommand.register("sept-tables")
class SeptTables(SeptSubcommand):
    """
    Command that writes the tables and figures of a suite.

    `allennlp sept-tables SUITE.jsonnet -s RUNS --output FOLDER` makes them from the runs that
    `allennlp sept-suite` has trained, and writes the scores as `FOLDER/runs.csv`. With
    `--from-csv FOLDER/runs.csv` it makes them from this file alone. If a table has a reference to
    compare with, there is also a `documents.csv`.

    Registered as a `Subcommand` with name "sept-tables".
    """

    requires_plugins = False
    description = "Write a suite's tables (Markdown, CSV) and figures (PNG, SVG, CSV)."
    errors = (ConfigurationError, OSError)

    @override
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("suite", type=Path, help="the suite's jsonnet file")
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument(
            "-s", "--serialization-dir", type=Path, help="the folder of all runs of the suite"
        )
        source.add_argument(
            "--from-csv", type=Path, help="use this runs.csv, which the command wrote earlier"
        )
        parser.add_argument(
            "--seeds",
            type=int,
            nargs="+",
            help="use only these seeds, and report those that a run lacks (default = all that any "
            "run has)",
        )
        parser.add_argument("--output", type=Path, required=True, help="the folder to write")

    @override
    def run(self, args: argparse.Namespace) -> int:
        # Only here: pandas and matplotlib take a second to import.
        from sept_allennlp.experiments.report import write_report

        files = write_report(
            args.suite,
            args.serialization_dir,
            args.from_csv,
            args.seeds,
            args.output,
            lambda text: print(text, file=sys.stderr),
        )
        for file in files:
            print(file)
        return 0
