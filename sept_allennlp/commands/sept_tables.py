import argparse
import sys
from pathlib import Path
from typing import List

import pandas
from allennlp.commands.subcommand import Subcommand

from sept_allennlp.commands.subcommand import SeptSubcommand
from sept_allennlp.experiments import (
    RUNS,
    Suite,
    SuiteError,
    config_differences,
    fill_figure,
    fill_table,
    read_suite,
    read_trainings,
    save_figure,
    shortened,
    table_to_markdown,
)
from sept_allennlp.experiments.results import RunError, collect_suite, read_csv


@Subcommand.register("sept-tables")
class SeptTables(SeptSubcommand):
    """
    `allennlp sept-tables SUITE.jsonnet --serialization-dir RUNS --output FOLDER` writes the tables
    and figures of a suite from what `allennlp sept-suite` has trained, and the scores of each run
    as `FOLDER/runs.csv`; `--from-csv FOLDER/runs.csv` makes them from that file alone.

    Registered as a `Subcommand` with name "sept-tables".
    """

    requires_plugins = False
    description = "Write a suite's tables (Markdown, CSV) and figures (PNG, SVG, CSV)."
    errors = (SuiteError, RunError, OSError)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("suite", type=Path, help="the suite's jsonnet file")
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument(
            "-s", "--serialization-dir", type=Path, help="the folder of all runs of the suite"
        )
        source.add_argument(
            "--from-csv", type=Path, help="a runs.csv that this command wrote, instead"
        )
        parser.add_argument(
            "--seeds",
            type=int,
            nargs="+",
            help="the seeds that each run should have, as for sept-suite; others do not count "
            "(default = all that any run of the suite has)",
        )
        parser.add_argument("--output", type=Path, required=True, help="the folder to write")

    def run(self, args: argparse.Namespace) -> int:
        suite = read_suite(args.suite)
        if args.from_csv is not None:
            runs = read_csv(args.from_csv)
            runs = runs[runs["run"].isin(suite.runs)]
            if args.seeds:
                runs = runs[runs["seed"].isin(args.seeds)]
        elif not args.serialization_dir.is_dir():
            raise RunError(f"{args.serialization_dir}: there is no such folder")
        else:
            runs = collect_suite(args.serialization_dir, suite.runs, _note, args.seeds)
            _note_other_configurations(args.suite, args.serialization_dir, runs)
        seeds = sorted({*(args.seeds or runs["seed"])})
        args.output.mkdir(parents=True, exist_ok=True)
        files: List[Path] = []
        if args.from_csv is None:
            files.append(args.output / f"{RUNS}.csv")
            runs.to_csv(files[-1], index=False)
        files += _write(suite, runs, len(seeds), args.output)
        for file in files:
            print(file)
        _note_missing(suite, runs, seeds)
        return 0


def _write(suite: Suite, runs: pandas.DataFrame, seeds: int, folder: Path) -> List[Path]:
    files: List[Path] = []
    for table in suite.tables:
        filled = fill_table(table, runs)
        files += [folder / f"{table.name}.md", folder / f"{table.name}.csv"]
        shown = runs[runs["run"].isin(filled["run"])]
        encoders = sorted(shown["encoder"].dropna().unique())
        text = table_to_markdown(table, filled, seeds, encoders)
        files[-2].write_text(text, encoding="utf-8")
        filled.to_csv(files[-1], index=False, float_format="%.6f")
    for figure in suite.figures:
        filled = fill_figure(figure, runs)
        files += save_figure(figure, filled, folder / figure.name)
        files.append(folder / f"{figure.name}.csv")
        filled.to_csv(files[-1], index=False, float_format="%.6f")
    return files


def _note(text: str) -> None:
    print(text, file=sys.stderr)


def _note_missing(suite: Suite, runs: pandas.DataFrame, seeds: List[int]) -> None:
    """Says which runs the tables and figures want and do not have, or not with all seeds."""
    finished = runs.dropna(subset=["f1"])
    for name in dict.fromkeys(run for _, run in suite.places_of_runs()):
        missing = set(seeds) - set(finished.loc[finished["run"] == name, "seed"])
        if missing and len(missing) < len(seeds):
            listed = ", ".join(str(seed) for seed in sorted(missing))
            _note(f"no finished run: {name} with seed {listed}")
        elif missing or not seeds:
            _note(f"no finished run: {name}")


def _note_other_configurations(suite: Path, folder: Path, runs: pandas.DataFrame) -> None:
    """
    Says so where a run was trained with something else than what the suite says now, in this
    environment. No error: another machine has its data and its encoder elsewhere.
    """
    finished = runs.dropna(subset=["f1"])
    wanted = set(zip(finished["run"], finished["seed"]))
    changed = []
    for training in read_trainings(suite, folder, finished["seed"].unique().tolist()):
        if (training.run, training.seed) in wanted:
            differences = config_differences(training)
            if differences:
                changed.append(f"{training}: {shortened(differences)}")
    if changed:
        _note(
            f"{len(changed)} of {len(wanted)} runs have another configuration than the suite gives "
            f"them now; {changed[0]}"
        )
