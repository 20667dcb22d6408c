"""The paper's Figure 3: recall and filtration rate of a span filter against its threshold."""

from collections.abc import Sequence
from pathlib import Path
from typing import List

from matplotlib.figure import Figure

from sept_allennlp.experiments.figures import canvas, save
from sept_allennlp.training.metrics.filter_curve import CurvePoint


def save_filter_figure(points: Sequence[CurvePoint], threshold: float, stem: Path) -> List[Path]:
    """
    Write `stem.png` and `stem.svg`.

    # Parameters

    points : `Sequence[CurvePoint]`
        From `FilterCurve.curve`, by rising threshold.
    threshold : `float`
        The filter's own threshold, a probability. It is marked if it lies on the axis.
    stem : `Path`
        The path of the files without suffix.
    """

    def draw() -> Figure:
        drawn = canvas()
        axes = drawn.add_subplot()
        thresholds = [point.threshold for point in points]
        recalls = [point.recall for point in points]
        rates = [point.filtration_rate for point in points]
        axes.semilogx(thresholds, recalls, label="recall of the entities")
        axes.semilogx(thresholds, rates, linestyle="--", label="filtration rate of the others")
        if thresholds[0] <= threshold <= thresholds[-1]:
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
