"""The files of a suite: its tables, figures and scores."""

from collections.abc import Callable
from pathlib import Path
from typing import Dict, List, Optional, Tuple

import pandas as pd

from sept_allennlp.experiments.comparison import collect_documents, read_documents
from sept_allennlp.experiments.errors import RunError
from sept_allennlp.experiments.figures import fill_figure, save_figure
from sept_allennlp.experiments.results import FOLDS, collect_suite, finished, read_csv
from sept_allennlp.experiments.suite import DOCUMENTS, RUNS, Suite, Table, read_suite
from sept_allennlp.experiments.tables import fill_table, table_to_markdown
from sept_allennlp.experiments.training import config_differences, read_trainings, shortened


def write_report(
    suite_file: Path,
    runs_folder: Optional[Path],
    csv: Optional[Path],
    seeds: Optional[List[int]],
    output: Path,
    note: Callable[[str], None],
) -> List[Path]:
    """
    Write the tables and figures of a suite, and return the files.

    # Parameters

    suite_file : `Path`
    runs_folder : `Path`, optional
        The folder of all runs. Their scores are also written, as `runs.csv`, and if a table has a
        reference, their counts as `documents.csv`.
    csv : `Path`, optional
        A `runs.csv` to use instead of `runs_folder`, with `documents.csv` beside it.
    seeds : `List[int]`, optional (default = all that any run has)
    output : `Path`
        The folder to write.
    note : `Callable[[str], None]`
        Called with a message for each missing or changed run.

    # Raises

    `SuiteError` for an invalid suite, `RunError` for scores that cannot be read or compared.
    """
    suite = read_suite(suite_file)
    compares = any(table.reference for table in suite.tables)
    documents: Optional[pd.DataFrame] = None
    if csv is not None:
        runs = _wanted(read_csv(csv), suite, seeds)
        beside = csv.with_name(f"{DOCUMENTS}.csv")
        if compares and beside.exists():
            documents = _wanted(read_documents(beside), suite, seeds)
    elif runs_folder is None or not runs_folder.is_dir():
        raise RunError(f"{runs_folder} is not a folder.")
    else:
        runs = collect_suite(runs_folder, suite.runs, note, seeds)
        _note_changed_configurations(suite_file, runs_folder, runs, note)
        if compares:
            documents = collect_documents(runs_folder, runs, note)
    all_seeds = sorted({*(seeds or runs["seed"])})
    output.mkdir(parents=True, exist_ok=True)
    files: List[Path] = []
    if csv is None:
        files.append(output / f"{RUNS}.csv")
        runs.to_csv(files[-1], index=False)
        if documents is not None:
            files.append(output / f"{DOCUMENTS}.csv")
            documents.to_csv(files[-1], index=False)
    files += _write(suite, runs, documents, len(all_seeds), output)
    _note_missing(suite, runs, all_seeds, note)
    return files


def _wanted(rows: pd.DataFrame, suite: Suite, seeds: Optional[List[int]]) -> pd.DataFrame:
    rows = rows[rows["run"].isin(suite.runs)]
    return rows[rows["seed"].isin(seeds)] if seeds else rows


def _write(
    suite: Suite,
    runs: pd.DataFrame,
    documents: Optional[pd.DataFrame],
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
        points = fill_figure(figure, runs)
        files += save_figure(figure, points, folder / figure.name)
        files.append(folder / f"{figure.name}.csv")
        points.to_csv(files[-1], index=False, float_format="%.6f")
    return files


def _folds_of(runs: pd.DataFrame) -> pd.Series:
    # 0 for runs without folds.
    return runs.reindex(columns=[FOLDS])[FOLDS].fillna(0).astype(int)


def _folds(table: Table, runs: pd.DataFrame) -> int:
    folds = sorted({*_folds_of(finished(runs))})
    if len(folds) > 1:
        listed = " and ".join(f"{number} folds" if number else "no folds" for number in folds)
        raise RunError(
            f"{table.name}: its runs were trained in {listed}, and such scores cannot be compared."
        )
    return folds[0] if folds else 0


def _note_missing(
    suite: Suite, runs: pd.DataFrame, seeds: List[int], note: Callable[[str], None]
) -> None:
    done = finished(runs)
    for name in dict.fromkeys(run for _, run in suite.places_of_runs()):
        missing = set(seeds) - set(done.loc[done["run"] == name, "seed"])
        if missing and len(missing) < len(seeds):
            listed = ", ".join(str(seed) for seed in sorted(missing))
            note(f"no finished run: {name} with seed {listed}")
        elif missing or not seeds:
            note(f"no finished run: {name}")


def _note_changed_configurations(
    suite: Path, folder: Path, runs: pd.DataFrame, note: Callable[[str], None]
) -> None:
    # No error: another machine has its data and its encoder elsewhere.
    done = finished(runs)
    wanted = {*zip(done["run"], done["seed"])}
    changed: Dict[Tuple[str, int], str] = {}
    for folds, trained in done.groupby(_folds_of(done)):
        seeds, names = trained["seed"].unique().tolist(), trained["run"].unique().tolist()
        for training in read_trainings(suite, folder, seeds, names, folds=int(folds)):
            run = (training.run, training.seed)
            differences = config_differences(training) if run in wanted - changed.keys() else []
            if differences:
                changed[run] = f"{training}: {shortened(differences)}"
    if changed:
        note(
            f"{len(changed)} of {len(wanted)} runs were trained with another configuration than "
            f"the suite has now; {next(iter(changed.values()))}"
        )
