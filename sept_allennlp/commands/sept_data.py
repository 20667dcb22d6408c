import argparse
from pathlib import Path

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError
from typing_extensions import override

from sept_allennlp.commands.subcommand import SeptSubcommand
from sept_runtime.commands.arguments import positive_int
from sept_runtime.documents import DocumentError


@Subcommand.register("sept-data")
class SeptData(SeptSubcommand):
    """
    Command that checks annotated data before it is trained on.

    `allennlp sept-data CONFIG.jsonnet` checks the data of a configuration,
    `allennlp sept-data train.json dev.json test.json` those of files. See docs/training.md.

    Registered as a `Subcommand` with name "sept-data".
    """

    requires_plugins = False
    description = "Check annotated data: counts for each split, mistakes, and what costs recall."
    errors = (ConfigurationError, DocumentError, OSError)

    @override
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "data",
            nargs="+",
            metavar="CONFIG_OR_FILE",
            help="a training configuration (.jsonnet, or a run's config.json), or the files of the "
            "splits, the training data first, each as PATH or NAME=PATH",
        )
        parser.add_argument(
            "--max-span-width",
            type=positive_int,
            help="the widest span, in words (default = the configuration's; for files 12)",
        )
        parser.add_argument(
            "--flat",
            action="store_true",
            default=None,
            help="assume that predicted entities never overlap (default = the configuration's)",
        )
        parser.add_argument(
            "--encoder",
            help="count word pieces with this encoder, a hub name or folder (default = the "
            "configuration's)",
        )
        parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
        parser.add_argument(
            "--strict", action="store_true", help="end with status 1 if there is an error"
        )

    @override
    def run(self, args: argparse.Namespace) -> int:
        # Only here: every start of AllenNLP imports this file.
        from rich.console import Console

        from sept_allennlp.experiments.data_report import (
            check_configuration,
            check_files,
            show_report,
            write_json,
        )

        limits = {name: getattr(args, name) for name in ("max_span_width", "flat", "encoder")}
        first = Path(args.data[0])
        if len(args.data) == 1 and (first.suffix == ".jsonnet" or first.name == "config.json"):
            report = check_configuration(first, limits)
        else:
            report = check_files(args.data, limits)
        if args.json:
            print(write_json(report))
        else:
            # As wide as the tables, in a pipe as well as in a terminal.
            show_report(report, Console(width=200))
        return 1 if args.strict and report.errors else 0
