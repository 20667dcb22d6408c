"""Reliability diagrams: how often predictions of each score are right, from kept predictions."""

from pathlib import Path
from typing import Dict, List, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sept_allennlp.experiments.counts import read_scored
from sept_allennlp.experiments.figures import canvas, save
from sept_allennlp.training.calibration import fit, joined

_NUM_BINS = 10

AS_PREDICTED, CALIBRATED = "as predicted", "calibrated"
BY_CHANCE = "by chance, if perfectly calibrated"


class Reliability(NamedTuple):
    """
    The reliability of scores as they are, and after a calibration.

    # Parameters

    bins : `pandas.DataFrame`
        A row for each bin of scores with predictions, with the columns `scores` (`AS_PREDICTED` or
        `CALIBRATED`), `predictions`, `mean_score` and `share_right`.
    errors : `Dict[str, float]`
        The expected calibration error, for `AS_PREDICTED` and for `CALIBRATED`. `BY_CHANCE` is the
        error that the calibrated scores would have if they were the probabilities of being right:
        in a bin of few predictions, the share of right ones differs from its expectation. Each
        bin's number of right ones is taken as normally distributed.
    """

    bins: pd.DataFrame
    errors: Dict[str, float]


def measure_reliability(folder: Path) -> Reliability:
    """
    Compare the scores of a run's predictions with the share of right ones.

    The calibration of each half of the documents is fitted on the other half, so that it has not
    seen what it is measured on.

    # Parameters

    folder : `Path`
        The folder of a run with one seed, trained in folds or not.

    # Raises

    `RunError` as in `count_run`, and if no prediction has a score.
    """
    documents = read_scored(folder)
    halves = [joined(documents[start::2]) for start in (0, 1)]
    calibrated = [
        half._replace(scores=fit(other)(np.array(half.scores, float)).tolist())
        for half, other in zip(halves, reversed(halves))
    ]
    bins, errors = [], {}
    for name, scored in ((AS_PREDICTED, joined(halves)), (CALIBRATED, joined(calibrated))):
        rows = pd.DataFrame({"score": scored.scores, "right": scored.is_right})
        # The last bin includes 1.
        numbers = (rows["score"] * _NUM_BINS).astype(int).clip(upper=_NUM_BINS - 1)
        grouped = rows.groupby(numbers)
        table = pd.DataFrame(
            {
                "scores": name,
                "predictions": grouped.size(),
                "mean_score": grouped["score"].mean(),
                "share_right": grouped["right"].mean(),
            }
        )
        differences = (table["mean_score"] - table["share_right"]).abs()
        errors[name] = float((differences * table["predictions"]).sum() / len(rows))
        bins.append(table)
    # Of the last, the calibrated scores. The number of right predictions of a bin differs from its
    # expectation by the square root of 2 / pi of its standard deviation on average.
    variances = (rows["score"] * (1.0 - rows["score"])).groupby(numbers).sum()
    errors[BY_CHANCE] = float(np.sqrt(variances * 2.0 / np.pi).sum() / len(rows))
    return Reliability(pd.concat(bins, ignore_index=True), errors)


def save_reliability_figure(reliability: Reliability, stem: Path) -> List[Path]:
    """Write `stem.png` and `stem.svg`."""

    def draw() -> Figure:
        drawn = canvas()
        axes = drawn.add_subplot()
        by_chance = f"perfectly calibrated: {reliability.errors[BY_CHANCE]:.3f} by chance"
        axes.plot([0, 1], [0, 1], color="0.6", linestyle=":", label=by_chance)
        for (name, rows), marker in zip(reliability.bins.groupby("scores", sort=False), "os"):
            error = reliability.errors[str(name)]
            axes.plot(
                rows["mean_score"],
                rows["share_right"],
                marker=marker,
                label=f"{name}: calibration error {error:.3f}",
            )
        axes.set_xlim(0.0, 1.0)
        axes.set_ylim(0.0, 1.0)
        axes.set_xlabel("score")
        axes.set_ylabel("share of right entities")
        axes.set_title("Reliability of scores")
        axes.grid(alpha=0.4)
        axes.legend(loc="upper left")
        return drawn

    return save(draw, stem)
