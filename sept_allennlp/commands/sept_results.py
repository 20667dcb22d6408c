import argparse
import sys
from pathlib import Path

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError
from typing_extensions import override

from sept_allennlp.commands.subcommand import SeptSubcommand
from sept_allennlp.training.metrics.relation_sets import SENSES


@Subcommand.register("sept-results")
class SeptResults(SeptSubcommand):
    """
    Command that prints the scores of finished runs, or compares systems.

    `allennlp sept-results RUN... --csv FILE` prints precision, recall and F1 with mean and standard
    deviation as a Markdown table. Runs that are not finished are named and left out.

    `allennlp sept-results SYSTEM... --against REFERENCE` prints the F1 of each system minus that of
    the reference, with a 95% interval. See docs/experiments.md.

    `allennlp sept-results RUN --reliability STEM` draws how often the entities of each score are
    right, as they are and calibrated.

    Registered as a `Subcommand` with name "sept-results".
    """

    requires_plugins = False
    description = (
        "Print the validation scores of finished runs as a Markdown table, or compare runs."
    )
    errors = (ConfigurationError, OSError)

    @override
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("runs", type=Path, nargs="+", help="the folders of the runs")
        parser.add_argument(
            "--against",
            type=Path,
            help="compare with this system: the folder of a suite's run with all its seeds, the "
            "folder of one training, or a file of predictions. RUNS may then be any of these, too",
        )
        parser.add_argument(
            "--min-score",
            type=float,
            nargs="+",
            metavar="PROBABILITY",
            help="with --against: ignore entities (or relations) of the systems, but not of the "
            "reference, with a lower score. Several values give one line each",
        )
        parser.add_argument(
            "--score",
            choices=["entities", *SENSES],
            help="with --against: compare the F1 of entities (default), of relations by the "
            "boundaries of both entities (rel), or by their boundaries and labels (rel_plus)",
        )
        parser.add_argument("--csv", type=Path, help="also write the rows to this file")
        parser.add_argument(
            "--reliability",
            type=Path,
            metavar="STEM",
            help="instead, draw the reliability diagram of one run's scores, as STEM.png, STEM.svg "
            "and STEM.csv",
        )

    @override
    def run(self, args: argparse.Namespace) -> int:
        # Only here: pandas takes half a second to import.
        import pandas as pd

        from sept_allennlp.experiments.comparison import compare_systems
        from sept_allennlp.experiments.counts import Counted
        from sept_allennlp.experiments.errors import RunError
        from sept_allennlp.experiments.results import collect, to_markdown

        if args.reliability is not None:
            return self._draw_reliability(args)
        for option, given in (("--min-score", args.min_score), ("--score", args.score)):
            if given and not args.against:
                raise RunError(f"{option} needs --against, the system to compare with.")
        if args.against:
            counted: Counted = args.score or "entities"
            rows = compare_systems(args.runs, args.against, args.min_score, counted, print)
        else:
            found = []
            for folder in args.runs:
                try:
                    found.append(collect([folder]))
                except RunError as error:
                    print(f"{self.name}: {error}", file=sys.stderr)
            rows = pd.concat(found, ignore_index=True) if found else pd.DataFrame()
            if found:
                print(to_markdown(rows), end="")
        if args.csv is not None:
            rows.to_csv(args.csv, index=False, float_format="%.4f")
        return 1 if rows.empty else 0

    def _draw_reliability(self, args: argparse.Namespace) -> int:
        from sept_allennlp.experiments.errors import RunError
        from sept_allennlp.experiments.reliability import (
            measure_reliability,
            save_reliability_figure,
        )

        if len(args.runs) != 1 or args.against:
            raise RunError("--reliability needs exactly one run, and no --against.")
        found = measure_reliability(args.runs[0])
        args.reliability.parent.mkdir(parents=True, exist_ok=True)
        table = args.reliability.with_name(f"{args.reliability.name}.csv")
        found.bins.to_csv(table, index=False, float_format="%.4f")
        for name, error in found.errors.items():
            print(f"expected calibration error, {name}: {error:.4f}")
        for option, wanted, reached in found.reached.itertuples(index=False):
            print(f"--min-{option} {wanted}: {option} {reached:.3f}")
        for file in [table, *save_reliability_figure(found, args.reliability)]:
            print(file)
        return 0
