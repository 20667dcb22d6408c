"""Tables of a suite: mean and deviation of each row's runs, beside the paper's figures."""

from typing import Any, Dict, List, Optional, Sequence

import pandas

from sept_allennlp.experiments.comparison import Difference, compare, signed
from sept_allennlp.experiments.results import markdown_table
from sept_allennlp.experiments.scores import HEADINGS, RELATION_SCORES, SCORES
from sept_allennlp.experiments.suite import Table

MISSING = "—"


def summarize(runs: pandas.DataFrame) -> pandas.DataFrame:
    """
    # Parameters

    runs : `pandas.DataFrame`
        One row for each run and seed, as from `results.collect_suite`; without scores where there
        is no finished run.

    # Returns

    `pandas.DataFrame` with a row for each name of a run that has finished with a seed at least,
    and the columns `seeds` (how many have), and `precision`, `precision_sd`, `recall`,
    `recall_sd`, `f1`, `f1_sd`: means over these seeds, and standard deviations of the sample, which
    one seed has none of. Where some of the runs have scores of relations, there are these, too.
    """
    groups = runs.dropna(subset=["f1"]).groupby("run")
    summary = {"seeds": groups.size()}
    for name in [*SCORES, *runs.columns.intersection(RELATION_SCORES)]:
        summary[name] = groups[name].mean()
        summary[f"{name}_sd"] = groups[name].std()
    return pandas.DataFrame(summary)


def summary_of(names: List[str], runs: pandas.DataFrame) -> pandas.DataFrame:
    """A row of `summarize` for each name, in this order, with no seeds where there is no run."""
    summary = summarize(runs).reindex(names)
    summary["seeds"] = summary["seeds"].fillna(0).astype(int)
    return summary.rename_axis("run").reset_index()


def fill_table(
    table: Table, runs: pandas.DataFrame, documents: Optional[pandas.DataFrame] = None
) -> pandas.DataFrame:
    """
    # Parameters

    table : `Table`
    runs : `pandas.DataFrame`
        As for `summarize`.
    documents : `pandas.DataFrame`, optional
        What the runs have predicted, as from `comparison.collect_documents`.

    # Returns

    `pandas.DataFrame`: the table's rows with the numbers of `summarize`, and the paper's figures as
    `paper_precision`, `paper_recall` and `paper_f1`; where the table has a reference, how each row
    differs from it, a `Difference`, as `difference_f1`, `difference_low` and so on.

    # Raises

    `RunError` where a row and the reference were not scored on the same documents.
    """
    filled = summary_of([row.run for row in table.rows], runs)
    filled.insert(0, "system", [row.system for row in table.rows])
    for name in SCORES:
        figures = [row.paper.get(name) for row in table.rows]
        filled[f"paper_{name}"] = pandas.Series(figures, dtype="float64")
    if table.reference is None or documents is None:
        return filled
    differences = [_difference(table, row.run, documents) for row in table.rows]
    if not any(differences):
        return filled
    columns = pandas.DataFrame(
        [difference or [None] * len(Difference._fields) for difference in differences],
        columns=Difference._fields,
    )
    columns = columns.astype({"documents": "Int64", "seeds": "Int64"})
    return filled.join(columns.add_prefix("difference_"))


def _difference(table: Table, run: str, documents: pandas.DataFrame) -> Optional[Difference]:
    if table.reference is None or run == table.reference:
        return None
    system, reference = (documents[documents["run"] == name] for name in (run, table.reference))
    if not {*system["seed"]} & {*reference["seed"]}:
        return None
    return compare(system, reference, (run, table.reference))


def table_to_markdown(
    table: Table,
    filled: pandas.DataFrame,
    seeds: int,
    encoders: Sequence[str] = (),
    folds: int = 0,
) -> str:
    """
    # Parameters

    table : `Table`
    filled : `pandas.DataFrame`
        From `fill_table`.
    seeds : `int`
        Over how many seeds each mean should be; a row of fewer says so.
    encoders : `Sequence[str]`, optional
        What the runs of the table were trained on.
    folds : `int`, optional
        In how many folds the runs were trained.
    """
    compared = "difference_f1" in filled
    header = ["system", *(HEADINGS[name] for name in table.columns)]
    difference = ""
    if compared and table.reference is not None:
        systems = {row.run: row.system for row in table.rows}
        difference = f"F1 less that of {systems[table.reference]}"
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
        f"P, R, F1: strict micro scores {_of_what(folds)}; where there are several seeds, mean ± "
        "standard deviation over them.\n"
    )
    if {*table.columns} & {*RELATION_SCORES}:
        text += (
            "Rel: those of relations, which are right if their label and both entities' boundaries "
            "are; Rel+: if both entities' labels are, too.\n"
        )
    if compared:
        text += (
            f"{difference}: over the seeds that both have; in brackets its 95% interval by a "
            f"paired bootstrap over {filled['difference_documents'].max()} documents.\n"
        )
    return text + (f"Encoder: {'; '.join(encoders)}.\n" if encoders else "")


def _of_what(folds: int) -> str:
    if not folds:
        return "on the validation data at the best epoch"
    return f"on all documents, each predicted by the one of {folds} trainings that has not seen it"


def _with_interval(row: Dict[str, Any]) -> str:
    if pandas.isna(row["difference_f1"]):
        return MISSING
    shown = [signed(row[f"difference_{name}"], 3) for name in ("f1", "low", "high")]
    return "{} [{}, {}]".format(*shown)


def _seeds(finished: int, seeds: int) -> str:
    if not finished:
        return "no run"
    return str(finished) if finished == seeds else f"{finished} of {seeds}"


def _with_deviation(row: Dict[str, Any], name: str) -> str:
    # No run finds relations where there is no such column.
    mean, deviation = row.get(name), row.get(f"{name}_sd")
    if mean is None or pandas.isna(deviation):
        return _score(mean)
    return f"{_score(mean)} ± {_score(deviation)}"


def _score(value: Optional[float]) -> str:
    return MISSING if value is None or pandas.isna(value) else f"{value:.3f}".removeprefix("0")
