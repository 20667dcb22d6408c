"""Tables of a suite: mean and deviation of each row's runs, beside the paper's figures."""

from collections.abc import Sequence
from typing import Any, Dict, List, Optional

import pandas as pd

from sept_allennlp.experiments.comparison import Difference, compare, signed
from sept_allennlp.experiments.counts import HEADINGS, RELATION_SCORES, SCORES
from sept_allennlp.experiments.results import finished, markdown_table
from sept_allennlp.experiments.suite import Table

MISSING = "—"


def summarize(runs: pd.DataFrame) -> pd.DataFrame:
    """
    Return mean and standard deviation over the finished seeds of each run.

    # Parameters

    runs : `pandas.DataFrame`
        A row for each run and seed, as from `results.collect_suite`.

    # Returns

    `pandas.DataFrame` with a row for each run that has a finished seed, and the columns `seeds`
    (their number), `precision`, `precision_sd`, `recall`, `recall_sd`, `f1`, `f1_sd`. The standard
    deviation is the sample's, and missing for one seed. There are also the scores of relations and
    `score`, if `runs` has them.
    """
    groups = finished(runs).groupby("run")
    summary = {"seeds": groups.size()}
    for name in [*SCORES, *runs.columns.intersection([*RELATION_SCORES, "score"])]:
        summary[name] = groups[name].mean()
        summary[f"{name}_sd"] = groups[name].std()
    return pd.DataFrame(summary)


def summary_of(names: List[str], runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row of `summarize` for each name, in this order, with 0 seeds if there is no run."""
    summary = summarize(runs).reindex(names)
    summary["seeds"] = summary["seeds"].fillna(0).astype(int)
    return summary.rename_axis("run").reset_index()


def fill_table(
    table: Table, runs: pd.DataFrame, documents: Optional[pd.DataFrame] = None
) -> pd.DataFrame:
    """
    Return the table's rows with the numbers of `summarize` and the paper's figures.

    # Parameters

    table : `Table`
    runs : `pandas.DataFrame`
        As for `summarize`.
    documents : `pandas.DataFrame`, optional
        The counts of the runs, as from `comparison.collect_documents`.

    # Returns

    `pandas.DataFrame`. The paper's figures are `paper_precision`, `paper_recall` and `paper_f1`. If
    the table has a reference, `difference_f1`, `difference_low` and so on are the `Difference` of
    each row from it.

    # Raises

    `RunError` if a row and the reference were not scored on the same documents.
    """
    filled = summary_of([row.run for row in table.rows], runs)
    filled.insert(0, "system", [row.system for row in table.rows])
    papers = [{str(key): value for key, value in row.paper.items()} for row in table.rows]
    for name in SCORES:
        figures = [paper.get(name) for paper in papers]
        filled[f"paper_{name}"] = pd.Series(figures, dtype="float64")
    if table.reference is None or documents is None:
        return filled
    differences = [_difference(table, row.run, documents) for row in table.rows]
    if not any(differences):
        return filled
    columns = pd.DataFrame(
        [difference or [None] * len(Difference._fields) for difference in differences],
        columns=Difference._fields,
    )
    columns = columns.astype({"documents": "Int64", "seeds": "Int64"})
    return filled.join(columns.add_prefix("difference_"))


def _difference(table: Table, run: str, documents: pd.DataFrame) -> Optional[Difference]:
    if table.reference is None or run == table.reference:
        return None
    system, reference = (documents[documents["run"] == name] for name in (run, table.reference))
    if not {*system["seed"]} & {*reference["seed"]}:
        return None
    return compare(system, reference, (run, table.reference))


def table_to_markdown(
    table: Table,
    filled: pd.DataFrame,
    seeds: int,
    encoders: Sequence[str] = (),
    folds: int = 0,
) -> str:
    """
    Return the table as Markdown.

    # Parameters

    table : `Table`
    filled : `pandas.DataFrame`
        From `fill_table`.
    seeds : `int`
        The expected number of seeds; a row with fewer says so.
    encoders : `Sequence[str]`, optional
        The encoders of the table's runs.
    folds : `int`, optional
        The number of folds that the runs were trained in.
    """
    compared = "difference_f1" in filled
    header = ["system", *(HEADINGS[name] for name in table.columns)]
    difference = ""
    if compared and table.reference is not None:
        systems = {row.run: row.system for row in table.rows}
        difference = f"F1 minus that of {systems[table.reference]}"
        header.append(difference)
    header.append("seeds")
    with_paper = any(row.paper for row in table.rows)
    if with_paper:
        header.append(f"{table.paper}, P / R / F1")
    lines = [header, ["---"] * len(header)]
    for row in filled.to_dict("records"):
        line = [row["system"], *(_with_deviation(row, name) for name in table.columns)]
        if compared:
            line.append(_with_interval(row))
        line.append(_seeds(row["seeds"], seeds))
        if with_paper:
            paper = [_score(row[f"paper_{name}"]) for name in SCORES]
            line.append(MISSING if paper == [MISSING] * 3 else " / ".join(paper))
        lines.append([cell.replace("|", r"\|") for cell in line])
    text = (
        f"**{table.title}**\n\n{markdown_table(lines)}\n"
        f"P, R, F1: strict micro scores {_scored_on(folds)}; mean ± standard deviation over "
        "several seeds.\n"
    )
    if {*table.columns} & {*RELATION_SCORES}:
        text += (
            "Rel: scores of relations; label and boundaries of both entities must be right. Rel+: "
            "the labels of both entities, too.\n"
        )
    if compared:
        text += (
            f"{difference}: over the seeds that both have, with the 95% interval of a paired "
            f"bootstrap over {filled['difference_documents'].max()} documents.\n"
        )
    if "score" in table.columns:
        text += "score: the validation metric of runs that report no F1.\n"
    return text + (f"Encoder: {'; '.join(encoders)}.\n" if encoders else "")


def _scored_on(folds: int) -> str:
    if not folds:
        return "on the validation data at the best epoch"
    return f"on all documents, in {folds}-fold cross-validation"


def _with_interval(row: Dict[str, Any]) -> str:
    if pd.isna(row["difference_f1"]):
        return MISSING
    shown = [signed(row[f"difference_{name}"], 3) for name in ("f1", "low", "high")]
    return "{} [{}, {}]".format(*shown)


def _seeds(finished: int, seeds: int) -> str:
    if not finished:
        return "no run"
    return str(finished) if finished == seeds else f"{finished} of {seeds}"


def _with_deviation(row: Dict[str, Any], name: str) -> str:
    # The column is missing if no run has this score.
    mean, deviation = row.get(name), row.get(f"{name}_sd")
    if mean is None or pd.isna(deviation):
        return _score(mean)
    return f"{_score(mean)} ± {_score(deviation)}"


def _score(value: Optional[float]) -> str:
    return MISSING if value is None or pd.isna(value) else f"{value:.3f}".removeprefix("0")
