"""Tables of a suite: mean and deviation of each row's runs, beside the paper's figures."""

from typing import List, Sequence

import pandas

from sept_allennlp.experiments.results import SCORES, markdown_table
from sept_allennlp.experiments.suite import Table

MISSING = "—"


def summarise(runs: pandas.DataFrame) -> pandas.DataFrame:
    """
    # Parameters

    runs : `pandas.DataFrame`
        One row for each run and seed, as from `results.collect_suite`; without scores where there
        is no finished run.

    # Returns

    `pandas.DataFrame` with a row for each name of a run that has finished with a seed at least,
    and the columns `seeds` (how many have), and `precision`, `precision_sd`, `recall`,
    `recall_sd`, `f1`, `f1_sd`: means over these seeds, and standard deviations of the sample, which
    one seed has none of.
    """
    groups = runs.dropna(subset=["f1"]).groupby("run")
    summary = {"seeds": groups.size()}
    for name in SCORES:
        summary[name] = groups[name].mean()
        summary[f"{name}_sd"] = groups[name].std()
    return pandas.DataFrame(summary)


def summary_of(names: List[str], runs: pandas.DataFrame) -> pandas.DataFrame:
    """A row of `summarise` for each name, in this order, with no seeds where there is no run."""
    summary = summarise(runs).reindex(names)
    summary["seeds"] = summary["seeds"].fillna(0).astype(int)
    return summary.rename_axis("run").reset_index()


def fill_table(table: Table, runs: pandas.DataFrame) -> pandas.DataFrame:
    """
    The table's rows with the numbers of `summarise`, and the paper's figures as `paper_precision`,
    `paper_recall` and `paper_f1`.
    """
    filled = summary_of([row.run for row in table.rows], runs)
    filled.insert(0, "system", [row.system for row in table.rows])
    for name in SCORES:
        figures = [row.paper.get(name) for row in table.rows]
        filled[f"paper_{name}"] = pandas.Series(figures, dtype="float64")
    return filled


def table_to_markdown(
    table: Table, filled: pandas.DataFrame, seeds: int, encoders: Sequence[str] = ()
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
    """
    lines = [["system", "P", "R", "F1", "seeds", f"{table.paper}, P / R / F1"], ["---"] * 6]
    for row in filled.to_dict("records"):
        finished = row["seeds"]
        paper = [_score(row[f"paper_{name}"]) for name in SCORES]
        lines.append(
            [
                row["system"].replace("|", r"\|"),
                *(_with_deviation(row[name], row[f"{name}_sd"]) for name in SCORES),
                _seeds(finished, seeds),
                MISSING if paper == [MISSING] * 3 else " / ".join(paper),
            ]
        )
    text = (
        f"**{table.title}**\n\n{markdown_table(lines)}\n"
        "P, R, F1: strict micro scores on the validation data at the best epoch; where there are "
        "several seeds, mean ± standard deviation over them.\n"
    )
    return text + (f"Encoder: {'; '.join(encoders)}.\n" if encoders else "")


def _seeds(finished: int, seeds: int) -> str:
    if not finished:
        return "no run"
    return str(finished) if finished == seeds else f"{finished} of {seeds}"


def _with_deviation(mean: float, deviation: float) -> str:
    if pandas.isna(deviation):
        return _score(mean)
    return f"{_score(mean)} ± {_score(deviation)}"


def _score(value: float) -> str:
    return MISSING if pandas.isna(value) else f"{value:.3f}".removeprefix("0")
