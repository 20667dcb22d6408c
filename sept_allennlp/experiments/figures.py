"""Figures of a suite: lines of F1, drawn by matplotlib."""

import textwrap
from itertools import cycle
from pathlib import Path
from typing import Any, List, Union

import pandas

from sept_allennlp.drawing import canvas, save
from sept_allennlp.experiments.suite import Figure
from sept_allennlp.experiments.tables import summary_of

# Lines differ in these besides their colors.
_MARKERS = "os^Dv"


def fill_figure(figure: Figure, runs: pandas.DataFrame) -> pandas.DataFrame:
    """
    # Parameters

    figure : `Figure`
    runs : `pandas.DataFrame`
        As for `tables.summarize`.

    # Returns

    `pandas.DataFrame` with a row for each point and the columns `line`, `x`, `run`, `seeds`, `f1`
    and `f1_sd`; no F1 where there is no run.
    """
    points = [(line.label, point) for line in figure.lines for point in line.points]
    filled = summary_of([point.run for _, point in points], runs)
    filled.insert(0, "line", [label for label, _ in points])
    filled.insert(1, "x", pandas.Series([point.x for _, point in points], dtype=object))
    return filled[["line", "x", "run", "seeds", "f1", "f1_sd"]]


def save_figure(figure: Figure, filled: pandas.DataFrame, stem: Path) -> List[Path]:
    """
    Writes `stem.png` and `stem.svg`.

    # Parameters

    figure : `Figure`
    filled : `pandas.DataFrame`
        From `fill_figure`.
    stem : `Path`
        The files' path without its suffix.
    """
    return save(lambda: _draw(figure, filled), stem)


def _draw(figure: Figure, filled: pandas.DataFrame) -> Any:
    drawn = canvas()
    axes = drawn.add_subplot()
    # At even distances: the numbers of such a sweep grow by factors, and a word has no place
    # among them.
    ticks = _ticks(list(filled["x"]))
    for (label, points), marker in zip(filled.groupby("line", sort=False), cycle(_MARKERS)):
        # In the order of the ticks; a missing point leaves a gap.
        points = points.set_index("x").reindex(ticks)
        axes.errorbar(
            range(len(ticks)),
            points["f1"],
            yerr=points["f1_sd"].fillna(0.0),
            label=label,
            marker=marker,
            capsize=3,
        )
    axes.set_xticks(range(len(ticks)), [str(x) for x in ticks])
    axes.set_xlim(-0.5, len(ticks) - 0.5)
    axes.set_xlabel(figure.x_label)
    axes.set_ylabel("F1 on the validation data")
    axes.set_title(figure.title)
    axes.grid(axis="y", alpha=0.4)
    # Where it hides no line.
    drawn.legend(loc="outside right upper", frameon=False)
    notes = _notes(filled)
    if notes:
        drawn.supxlabel(textwrap.fill(" ".join(notes), 110), fontsize="small")
    return drawn


def _ticks(values: List[Union[int, float, str]]) -> List[Union[int, float, str]]:
    """The numbers in their order, then the words in theirs."""
    values = list(dict.fromkeys(values))
    words = [value for value in values if isinstance(value, str)]
    return sorted(value for value in values if not isinstance(value, str)) + words


def _notes(filled: pandas.DataFrame) -> List[str]:
    notes = []
    most = filled["seeds"].max()
    if most > 1:
        fewest = filled.loc[filled["seeds"] > 0, "seeds"].min()
        number = str(most) if fewest == most else f"{fewest} to {most}"
        notes.append(f"Mean and standard deviation over {number} seeds.")
    missing = filled[filled["seeds"] == 0]
    if len(missing):
        places = [f"{row.line} at {row.x}" for row in missing.itertuples()]
        notes.append(f"No run: {', '.join(places)}.")
    return notes
