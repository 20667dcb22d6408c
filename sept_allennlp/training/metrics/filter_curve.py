import csv
import math
from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence

import numpy as np
import torch
import torch.distributed as dist
from allennlp.common.util import is_distributed
from allennlp.training.metrics import Metric

# The thresholds of a filter's curve: from 1e-8 to just below 1, twenty for each power of ten.
THRESHOLDS: List[float] = [*np.logspace(-8, 0, 161)[:-1].tolist(), 0.95, 0.99, 0.999]


class CurvePoint(NamedTuple):
    """A threshold, a probability, with its recall and its filtration rate."""

    threshold: float
    recall: float
    filtration_rate: float


@Metric.register("filter_curve")
class FilterCurve(Metric):
    """
    Recall and filtration rate of a score, at any threshold (paper, Figure 3).

    The recall is the share of the gold entities that pass the threshold. A gold entity that is no
    candidate never passes, and counts. The filtration rate is the share of the other candidates
    that are removed.

    In distributed training the scores of all processes are gathered when the metric is read.

    Registered as a `Metric` with name "filter_curve".
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all scores; until then each score is kept."""
        self._positive: List[torch.Tensor] = []
        self._negative: List[torch.Tensor] = []
        self._num_gold = 0

    def __call__(  # type: ignore[override]
        self, scores: torch.Tensor, positive: torch.Tensor, num_gold: int
    ) -> None:
        """
        Add the scores of candidates.

        # Parameters

        scores : `torch.FloatTensor`
            Shape `(number of candidates,)`: log-odds.
        positive : `torch.BoolTensor`
            Shape `(number of candidates,)`: whether the candidate is an entity.
        num_gold : `int`
            The number of annotated entities, candidates or not.
        """
        scores, positive = self.detach_tensors(scores, positive)
        self._positive.append(scores[positive].cpu())
        self._negative.append(scores[~positive].cpu())
        self._num_gold += num_gold

    def get_metric(self, reset: bool = False, logit: float = 0.0) -> Dict[str, float]:
        """
        Return recall and filtration rates.

        # Parameters

        reset : `bool`, optional (default = `False`)
        logit : `float`, optional (default = `0.0`)
            The threshold as log-odds. Candidates that reach it pass.

        # Returns

        `recall` and `filtration_rate` at the threshold, and `filtration_rate_at_99_recall`; 0 if
        there is nothing to find or to remove, or if no threshold has that recall.
        """
        counted = self._gathered()
        metrics = {
            "recall": counted.recall(logit),
            "filtration_rate": counted.filtration_rate(logit),
            "filtration_rate_at_99_recall": counted.filtration_rate(counted.score_for_recall(0.99)),
        }
        if reset:
            self.reset()
        return metrics

    @property
    def num_gold(self) -> int:
        """Return the number of annotated entities, in all processes."""
        return self._gathered().num_gold

    def scores_for_recalls(self, recalls: Sequence[float]) -> List[float]:
        """
        Return for each recall the highest threshold, as log-odds, that reaches it.

        It is minus infinity, which everything passes, if no threshold reaches the recall.
        """
        counted = self._gathered()
        return [counted.score_for_recall(recall) for recall in recalls]

    def curve(self, thresholds: Sequence[float] = THRESHOLDS) -> List[CurvePoint]:
        """Return a point for each threshold, a probability."""
        counted = self._gathered()
        points = []
        for threshold in thresholds:
            logit = log_odds(threshold)
            points.append(
                CurvePoint(threshold, counted.recall(logit), counted.filtration_rate(logit))
            )
        return points

    def _gathered(self) -> "_Counted":
        # Keep the concatenated tensor, so that reading the metric again is cheap.
        self._positive = [torch.cat(self._positive)] if self._positive else []
        self._negative = [torch.cat(self._negative)] if self._negative else []
        parts = (self._positive, self._negative, self._num_gold)
        everywhere = [parts]
        if is_distributed():
            everywhere = [parts] * dist.get_world_size()
            dist.all_gather_object(everywhere, parts)
        empty = torch.empty(0)
        return _Counted(
            torch.cat([empty, *(t for positive, _, _ in everywhere for t in positive)]),
            torch.cat([empty, *(t for _, negative, _ in everywhere for t in negative)]),
            sum(num_gold for _, _, num_gold in everywhere),
        )


def write_curve(points: Sequence[CurvePoint], path: Path) -> None:
    """Write points as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(CurvePoint._fields)
        writer.writerows([f"{value:.8g}" for value in point] for point in points)


def log_odds(probability: float) -> float:
    """Return the log-odds of a probability, infinite for 0 and 1."""
    if probability in (0.0, 1.0):
        return math.inf if probability else -math.inf
    return math.log(probability) - math.log1p(-probability)


class _Counted(NamedTuple):
    """The scores of the entities and of the other candidates, and the number of all entities."""

    positive: torch.Tensor
    negative: torch.Tensor
    num_gold: int

    def recall(self, threshold: float) -> float:
        passed = int((self.positive >= threshold).sum())
        return passed / self.num_gold if self.num_gold else 0.0

    def filtration_rate(self, threshold: float) -> float:
        removed = int((self.negative < threshold).sum())
        return removed / len(self.negative) if len(self.negative) else 0.0

    def score_for_recall(self, recall: float) -> float:
        # Rounded, because 0.07 * 100 is more than 7.
        needed = math.ceil(round(recall * self.num_gold, 6))
        if needed == 0:
            return math.inf
        if needed > len(self.positive):
            return -math.inf
        return float(self.positive.topk(needed).values[-1])
