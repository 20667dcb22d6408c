import argparse
import sys
from pathlib import Path
from typing import Dict, List, Optional, Tuple

import pandas
from allennlp.commands.subcommand import Subcommand

from sept_allennlp.commands.subcommand import SeptSubcommand
from sept_allennlp.experiments import (
    DOCUMENTS,
    RUNS,
    RunError,
    Suite,
    SuiteError,
    Table,
    config_differences,
    fill_figure,
    fill_table,
    read_suite,
    read_trainings,
    save_figure,
    shortened,
    table_to_markdown,
)
from sept_allennlp.experiments.comparison import collect_documents, read_documents
from sept_allennlp.experiments.results import FOLDS, collect_suite, read_csv


@Subcommand.register("sept-tables")
class SeptTables(SeptSubcommand):
    """
    `allennlp sept-tables SUITE.jsonnet --serialization-dir RUNS --output FOLDER` writes the tables
    and figures of a suite from what `allennlp sept-suite` has trained, and the scores of each run
    as `FOLDER/runs.csv`; `--from-csv FOLDER/runs.csv` makes them from that file alone. Where a
    table has a reference to compare with, there is a `documents.csv` beside that file.

    Registered as a `Subcommand` with name "sept-tables".
    """

    requires_plugins = False
    description = "Write a suite's tables (Markdown, CSV) and figures (PNG, SVG, CSV)."
    errors = (SuiteError, RunError, OSError)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """The suite, its runs or their scores, and the tables' folder."""
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
        """
        Missing runs leave gaps in the tables, and are named.

        # Raises

        `SuiteError` for what is no suite, `RunError` for scores that cannot be read or compared.
        """
        suite = read_suite(args.suite)
        compares = any(table.reference for table in suite.tables)
        documents: Optional[pandas.DataFrame] = None
        if args.from_csv is not None:
            runs = _wanted(read_csv(args.from_csv), suite, args.seeds)
            beside = args.from_csv.with_name(f"{DOCUMENTS}.csv")
            if compares and beside.exists():
                documents = _wanted(read_documents(beside), suite, args.seeds)
        elif not args.serialization_dir.is_dir():
            raise RunError(f"{args.serialization_dir}: there is no such folder")
        else:
            runs = collect_suite(args.serialization_dir, suite.runs, _note, args.seeds)
            _note_other_configurations(args.suite, args.serialization_dir, runs)
            if compares:
                documents = collect_documents(args.serialization_dir, runs, _note)
        seeds = sorted({*(args.seeds or runs["seed"])})
        args.output.mkdir(parents=True, exist_ok=True)
        files: List[Path] = []
        if args.from_csv is None:
            files.append(args.output / f"{RUNS}.csv")
            runs.to_csv(files[-1], index=False)
            if documents is not None:
                files.append(args.output / f"{DOCUMENTS}.csv")
                documents.to_csv(files[-1], index=False)
        files += _write(suite, runs, documents, len(seeds), args.output)
        for file in files:
            print(file)
        _note_missing(suite, runs, seeds)
        return 0


def _wanted(rows: pandas.DataFrame, suite: Suite, seeds: Optional[List[int]]) -> pandas.DataFrame:
    rows = rows[rows["run"].isin(suite.runs)]
    return rows[rows["seed"].isin(seeds)] if seeds else rows


def _write(
    suite: Suite,
    runs: pandas.DataFrame,
    documents: Optional[pandas.DataFrame],
    seeds: int,
    folder: Path,
) -> List[Path]:
    files: List[Path] = []
    for table in suite.tables:
        filled = fill_table(table, runs, documents)
        files += [folder / f"{table.name}.md", folder / f"{table.name}.csv"]
        shown = runs[runs["run"].isin(filled["run"])]
        encoders = sorted(shown["encoder"].dropna().unique())
        text = table_to_markdown(table, filled, seeds, encoders, _folds(table, shown))
        files[-2].write_text(text, encoding="utf-8")
        filled.to_csv(files[-1], index=False, float_format="%.6f")
    for figure in suite.figures:
        filled = fill_figure(figure, runs)
        files += save_figure(figure, filled, folder / figure.name)
        files.append(folder / f"{figure.name}.csv")
        filled.to_csv(files[-1], index=False, float_format="%.6f")
    return files


def _folds_of(runs: pandas.DataFrame) -> pandas.Series:
    """In how many folds each run was trained; 0 for none."""
    return runs.reindex(columns=[FOLDS])[FOLDS].fillna(0).astype(int)


def _folds(table: Table, runs: pandas.DataFrame) -> int:
    """
    In how many folds the runs of a table were trained.

    # Raises

    `RunError` where they were not all trained in as many.
    """
    folds = sorted({*_folds_of(runs.dropna(subset=["f1"]))})
    if len(folds) > 1:
        listed = " and in ".join(map(str, folds))
        raise RunError(
            f"{table.name}: its runs were trained in {listed} folds (0: on the data as given), and "
            "such scores cannot be compared"
        )
    return folds[0] if folds else 0


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
    wanted = {*zip(finished["run"], finished["seed"])}
    changed: Dict[Tuple[str, int], str] = {}
    for folds, trained in finished.groupby(_folds_of(finished)):
        seeds, names = trained["seed"].unique().tolist(), trained["run"].unique().tolist()
        for training in read_trainings(suite, folder, seeds, names, folds=int(folds)):
            run = (training.run, training.seed)
            differences = config_differences(training) if run in wanted - changed.keys() else []
            if differences:
                changed[run] = f"{training}: {shortened(differences)}"
    if changed:
        _note(
            f"{len(changed)} of {len(wanted)} runs have another configuration than the suite gives "
            f"them now; {next(iter(changed.values()))}"
        )
