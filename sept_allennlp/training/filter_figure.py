"""The paper's Figure 3: what a span filter's threshold costs in recall and saves in candidates."""

from pathlib import Path
from typing import Any, List

import numpy
import pandas

from sept_allennlp.drawing import canvas, save
from sept_allennlp.training.metrics.filter_curve import FilterCurve

# From a millionth of a percent to just below one, twenty to a power of ten.
THRESHOLDS: List[float] = [*numpy.logspace(-8, 0, 161)[:-1].tolist(), 0.95, 0.99, 0.999]


def curve_table(curve: FilterCurve) -> pandas.DataFrame:
    """The columns `threshold`, `recall` and `filtration_rate`, a row for each of `THRESHOLDS`."""
    return pandas.DataFrame(curve.curve(THRESHOLDS))


def save_curve(points: pandas.DataFrame, path: Path) -> None:
    """Writes what `curve_table` gives, as CSV."""
    points.to_csv(path, index=False, float_format="%.8g")


def save_filter_figure(points: pandas.DataFrame, threshold: float, stem: Path) -> List[Path]:
    """
    Writes `stem.png` and `stem.svg`.

    # Parameters

    points : `pandas.DataFrame`
        From `curve_table`.
    threshold : `float`
        A probability, marked if it lies on the axis: the one that the filter comes with.
    stem : `Path`
        The files' path without its suffix.
    """

    def draw() -> Any:
        drawn = canvas()
        axes = drawn.add_subplot()
        axes.semilogx(points["threshold"], points["recall"], label="recall of the entities")
        axes.semilogx(
            points["threshold"],
            points["filtration_rate"],
            linestyle="--",
            label="filtration rate of the others",
        )
        if THRESHOLDS[0] <= threshold <= THRESHOLDS[-1]:
            axes.axvline(
                threshold, color="0.4", linestyle=":", label=f"the filter's own: {threshold:.2g}"
            )
        axes.set_ylim(0.0, 1.02)
        axes.set_xlabel("threshold (probability of being an entity)")
        axes.set_ylabel("share of the entities, of the others")
        axes.set_title("Figure 3: recall and filtration rate of a span filter")
        axes.grid(alpha=0.4)
        axes.legend(loc="center left")
        return drawn

    return save(draw, stem)
