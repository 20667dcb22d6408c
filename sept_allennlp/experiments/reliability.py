"""Reliability of scores, and what thresholds chosen by precision or recall reach."""

from pathlib import Path
from typing import Dict, List, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sept_allennlp.experiments.counts import read_scored
from sept_allennlp.experiments.figures import canvas, save
from sept_allennlp.training.calibration import Scored, fit, joined
from sept_runtime.calibration import Calibration
from sept_runtime.scoring import precision_recall_f1

_NUM_BINS = 10

# The values of `--min-precision` and `--min-recall` that are tried.
_WANTED = (0.5, 0.6, 0.7, 0.8, 0.9)

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
    reached : `pandas.DataFrame`
        What `--min-precision` and `--min-recall` of `sept predict` reach: a row for each tried
        value for which the calibration data of every half have a threshold, with the columns
        `option` ("precision" or "recall"), `wanted` and `reached`.
    """

    bins: pd.DataFrame
    errors: Dict[str, float]
    reached: pd.DataFrame


def measure_reliability(folder: Path) -> Reliability:
    """
    Compare the scores of a run's predictions with the share of right ones.

    The calibration of each half of the documents is fitted on the other half, so that it has not
    seen what it is measured on. In folds, these are halves of each fold, because each fold has a
    model of its own.

    # Parameters

    folder : `Path`
        The folder of a run with one seed, trained in folds or not.

    # Raises

    `RunError` as in `count_run`, and if no prediction has a score.
    """
    halves: List[Scored] = []
    calibrations: List[Calibration] = []
    for documents in read_scored(folder):
        of_model = [joined(documents[start::2]) for start in (0, 1)]
        halves += of_model
        calibrations += [fit(half) for half in reversed(of_model)]
    calibrated = [
        half._replace(scores=calibration(np.array(half.scores, float)).tolist())
        for half, calibration in zip(halves, calibrations)
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
    reached = _reached(calibrated, calibrations)
    return Reliability(pd.concat(bins, ignore_index=True), errors, reached)


def _reached(halves: List[Scored], calibrations: List[Calibration]) -> pd.DataFrame:
    """Apply to each half the thresholds of its calibration, which was fitted on the other half."""
    rows = []
    for option in ("precision", "recall"):
        for wanted in _WANTED:
            try:
                least = [each.min_score(**{f"min_{option}": wanted}) for each in calibrations]
            except ValueError:
                # Out of reach.
                continue
            kept = [
                right
                for half, threshold in zip(halves, least)
                for score, right in zip(half.scores, half.is_right)
                if score >= threshold
            ]
            # Without a threshold, precision is that of all predictions.
            if all(least) and kept:
                gold = sum(half.gold for half in halves)
                scores = precision_recall_f1(sum(kept), len(kept), gold)
                rows.append((option, wanted, scores[option]))
    return pd.DataFrame(rows, columns=["option", "wanted", "reached"])


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
