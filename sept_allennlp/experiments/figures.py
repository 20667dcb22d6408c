"""Figures: F1 of a suite's runs as lines, and what all figures share."""

import textwrap
from itertools import cycle
from pathlib import Path
from typing import Any, Callable, List, Union

import matplotlib
import matplotlib.style
import pandas as pd
from matplotlib.figure import Figure as Canvas

from sept_allennlp.experiments.suite import Figure
from sept_allennlp.experiments.tables import summary_of

# Lines can be told apart without colors.
_MARKERS = "os^Dv"


def save(draw: Callable[[], Canvas], stem: Path) -> List[Path]:
    """
    Write `stem.png` and `stem.svg`. Equal numbers give equal bytes with the same matplotlib.

    # Parameters

    draw : `Callable[[], matplotlib.figure.Figure]`
        Called while the style is set; see `canvas`.
    stem : `Path`
        The path of the files without suffix.
    """
    settings: Any = {
        # Otherwise the identifiers inside an SVG are random.
        "svg.hashsalt": "sept_allennlp",
        # Keep text as text: it can be searched, and needs no outlines of fonts.
        "svg.fonttype": "none",
        "savefig.dpi": 150,
    }
    metadata = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
    # petroff10: colors that color-blind readers can tell apart.
    with matplotlib.style.context(["default", "petroff10"]), matplotlib.rc_context(settings):
        drawn = draw()
        files = []
        for kind, hidden in metadata.items():
            files.append(stem.with_name(f"{stem.name}.{kind}"))
            drawn.savefig(files[-1], format=kind, metadata=hidden)
    return files


def canvas() -> Canvas:
    """Return an empty figure that needs no screen."""
    return Canvas(figsize=(7, 4), layout="constrained")


def fill_figure(figure: Figure, runs: pd.DataFrame) -> pd.DataFrame:
    """
    Return a row for each point, with the columns `line`, `x`, `run`, `seeds`, `f1` and `f1_sd`.

    F1 is missing where there is no run.

    # Parameters

    figure : `Figure`
    runs : `pandas.DataFrame`
        As for `tables.summarize`.
    """
    points = [(line.label, point) for line in figure.lines for point in line.points]
    filled = summary_of([point.run for _, point in points], runs)
    filled.insert(0, "line", [label for label, _ in points])
    filled.insert(1, "x", pd.Series([point.x for _, point in points], dtype=object))
    return filled[["line", "x", "run", "seeds", "f1", "f1_sd"]]


def save_figure(figure: Figure, filled: pd.DataFrame, stem: Path) -> List[Path]:
    """Write `stem.png` and `stem.svg` from what `fill_figure` returned."""
    return save(lambda: _draw(figure, filled), stem)


def _draw(figure: Figure, filled: pd.DataFrame) -> Canvas:
    drawn = canvas()
    axes = drawn.add_subplot()
    # Equally spaced: the numbers of a sweep grow by factors, and words have no position.
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
    # Outside, where it hides no line.
    drawn.legend(loc="outside right upper", frameon=False)
    notes = _notes(filled)
    if notes:
        drawn.supxlabel(textwrap.fill(" ".join(notes), 110), fontsize="small")
    return drawn


def _ticks(values: List[Union[int, float, str]]) -> List[Union[int, float, str]]:
    # Numbers sorted, then words in the given order.
    values = list(dict.fromkeys(values))
    words = [value for value in values if isinstance(value, str)]
    return sorted(value for value in values if not isinstance(value, str)) + words


def _notes(filled: pd.DataFrame) -> List[str]:
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
