import argparse
import sys
from pathlib import Path

import pandas
from allennlp.commands.subcommand import Subcommand

from sept_allennlp.commands.subcommand import SeptSubcommand
from sept_allennlp.experiments.comparison import Difference, compare, read_system
from sept_allennlp.experiments.counts import Counted
from sept_allennlp.experiments.errors import RunError
from sept_allennlp.experiments.results import collect, to_markdown
from sept_allennlp.experiments.scores import HEADINGS
from sept_allennlp.training.metrics.relation_sets import SENSES


@Subcommand.register("sept-results")
class SeptResults(SeptSubcommand):
    """
    `allennlp sept-results RUN... --csv FILE`: precision, recall and F1 of finished runs, with mean
    and standard deviation, as a Markdown table, and as CSV. What is no finished run is left out
    and named.

    `allennlp sept-results SYSTEM... --against REFERENCE`: by how much the F1 of each system is
    higher than that of the reference, with a 95% interval; with `--score rel` or `rel_plus`, the F1
    of their relations; with `--min-score`, for each of several `decoding.min_score` (of relations
    `decoding.min_relation_score`) of the systems. See docs/experiments.md.

    Registered as a `Subcommand` with name "sept-results".
    """

    requires_plugins = False
    description = (
        "Print the validation scores of finished runs as a Markdown table, or how systems differ "
        "from another."
    )
    errors = (RunError, OSError)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """The runs, or the systems and the one to compare them with."""
        parser.add_argument("runs", type=Path, nargs="+", help="the runs' folders")
        parser.add_argument(
            "--against",
            type=Path,
            help="the system to compare with: the folder of a run of a suite, with all its seeds, "
            "or of one training, or a file of predictions; then RUNS are such, too",
        )
        parser.add_argument(
            "--min-score",
            type=float,
            nargs="+",
            metavar="PROBABILITY",
            help="with --against: of the systems, but not of the other, count only entities (or "
            "relations) that are at least so probable; once for each of several",
        )
        parser.add_argument(
            "--score",
            choices=["entities", *SENSES],
            help="with --against: whose F1 to compare, that of the entities (the default), or of "
            "the relations, which take the boundaries of both entities (rel) or their labels, too "
            "(rel_plus)",
        )
        parser.add_argument("--csv", type=Path, help="write the rows into this file, too")

    def run(self, args: argparse.Namespace) -> int:
        """Gives status 1 where there is nothing to print: no run is finished."""
        for option, given in (("--min-score", args.min_score), ("--score", args.score)):
            if given and not args.against:
                raise RunError(
                    f"{option} is for systems that are compared: name one with --against"
                )
        rows = _differences(args) if args.against else self._scores(args)
        if args.csv is not None:
            rows.to_csv(args.csv, index=False, float_format="%.4f")
        return 1 if rows.empty else 0

    def _scores(self, args: argparse.Namespace) -> pandas.DataFrame:
        found = []
        for folder in args.runs:
            try:
                found.append(collect([folder]))
            except RunError as error:
                print(f"{self.name}: {error}", file=sys.stderr)
        if not found:
            return pandas.DataFrame()
        runs = pandas.concat(found, ignore_index=True)
        print(to_markdown(runs), end="")
        return runs


def _differences(args: argparse.Namespace) -> pandas.DataFrame:
    counted: Counted = args.score or "entities"
    reference = read_system(args.against, counted=counted)
    rows = []
    for path in args.runs:
        names = (path.name, args.against.name)
        if path.name == args.against.name:
            names = (str(path), str(args.against))
        for min_score in args.min_score or [None]:
            difference = compare(read_system(path, min_score or 0.0, counted), reference, names)
            asked_for = "" if min_score is None else f" from {min_score:g} on"
            score = f", {HEADINGS[f'{args.score}_f1']}" if counted != "entities" else ""
            print(f"{names[0]}{asked_for} - {names[1]}{score}: {difference}")
            rows.append((*names, args.score, min_score, *difference))
    columns = ["system", "reference", "score", "min_score", *Difference._fields]
    table = pandas.DataFrame(rows, columns=columns)
    return table.drop(columns=[name for name in ("score", "min_score") if not vars(args)[name]])
