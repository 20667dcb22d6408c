"""
Calibrated scores: probabilities that a predicted entity or relation is right.

Sampling in training and soft labels bias a model's probabilities. A calibration, fitted on
validation data, corrects them. Entities stay the same; relations must reach another score.
"""

import math
from dataclasses import dataclass, field
from typing import List, Optional

import numpy as np
from numpy.typing import NDArray

from sept_runtime.scoring import precision_recall_f1

# A probability that is rounded to 0 or 1 has no finite log-odds.
_CLIP = 1e-6

# The thresholds at which predictions are counted are 0, 1/200, ..., 1.
THRESHOLD_STEPS = 200


@dataclass(frozen=True)
class Calibration:
    """
    A map from a model's scores to probabilities of being right, and how well these did.

    The calibrated score is `sigmoid(log_odds(score) / temperature + bias)`, which increases with
    the score. A temperature alone (Guo et al. 2017, "On Calibration of Modern Neural Networks")
    would keep a score of one half. Under-sampling adds a constant to the log-odds of entities (see
    `SpanSampler.log_rates`), which the bias takes off again (Platt 1999, "Probabilistic Outputs for
    Support Vector Machines").

    # Parameters

    temperature : `float`, optional (default = `1.0`)
        Above 0; above 1 if scores are too extreme.
    bias : `float`, optional (default = `0.0`)
        Below 0 if scores are too high.
    right, predicted : `List[int]`, optional
        For each threshold 0, 1/200, ..., 1 the number of right and of all predictions on the
        calibration data whose calibrated score reaches it. Empty if nothing was counted.
    gold : `int`, optional (default = `0`)
        The number of annotated entities or relations of the calibration data.
    """

    temperature: float = 1.0
    bias: float = 0.0
    right: List[int] = field(default_factory=list)
    predicted: List[int] = field(default_factory=list)
    gold: int = 0

    def __call__(self, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the calibrated scores, of the same shape."""
        if self.temperature == 1.0 and self.bias == 0.0:
            return scores
        logits = log_odds(scores) / self.temperature + self.bias
        # A sigmoid that never overflows.
        calibrated: NDArray[np.floating] = 0.5 * (1.0 + np.tanh(0.5 * logits))
        return calibrated

    def threshold(self, score: float) -> float:
        """Return the calibrated form of a threshold; 0, which keeps everything, stays 0."""
        return float(self(np.array(score))) if score else 0.0

    def best_threshold(self) -> float:
        """
        Return half of the highest F1 on the calibration data, or 0, which keeps everything.

        F1 is highest at this threshold, if scores are the probabilities of being right (Lipton,
        Elkan and Narayanaswamy 2014, "Optimal Thresholding of Classifiers to Maximize F1 Measure").
        The threshold that has the highest F1 on the calibration data depends more on chance.
        """
        counted = zip(self.right, self.predicted)
        scores = (precision_recall_f1(*counts, self.gold)["f1"] for counts in counted)
        return max(scores, default=0.0) / 2

    def min_score(
        self, min_precision: Optional[float] = None, min_recall: Optional[float] = None
    ) -> float:
        """
        Choose the threshold that reaches a precision or a recall on the calibration data.

        For a precision it is the lowest such threshold, which finds most; for a recall it is the
        highest, which is most precise.

        # Parameters

        min_precision, min_recall : `float`, optional
            One of the two, between 0 and 1.

        # Raises

        `ValueError` if both or neither are given, if no threshold reaches the value, and if the
        model has no calibration data.
        """
        if (min_precision is None) == (min_recall is None):
            raise ValueError("give either min_precision or min_recall, not both")
        wanted, name = (
            (min_recall, "recall") if min_precision is None else (min_precision, "precision")
        )
        assert wanted is not None
        if not self.gold:
            raise ValueError(
                f"min_{name} needs a calibrated model: train with the callback 'calibrate_scores', "
                "or give min_score"
            )
        right, predicted = np.array(self.right), np.array(self.predicted)
        of = np.full_like(right, self.gold) if min_precision is None else predicted
        # A threshold that no prediction reaches has no precision.
        values = np.where(predicted > 0, right / np.maximum(of, 1), 0.0)
        reached = (values >= wanted).nonzero()[0]
        if not len(reached):
            raise ValueError(
                f"min_{name} must be at most {math.floor(values.max() * 1e3) / 1e3}, the highest "
                f"that the model reaches on its calibration data, got {wanted}"
            )
        index = reached[-1] if min_precision is None else reached[0]
        return int(index) / THRESHOLD_STEPS


def log_odds(scores: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the log-odds of probabilities in double precision, between -13.8 and 13.8."""
    clipped = np.clip(scores.astype(np.float64), _CLIP, 1.0 - _CLIP)
    return np.log(clipped) - np.log1p(-clipped)
