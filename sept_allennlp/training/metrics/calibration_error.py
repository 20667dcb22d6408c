from typing import AbstractSet, Dict, Hashable, Iterable, Sequence, Tuple

import torch
import torch.distributed as dist
from allennlp.common.util import is_distributed
from allennlp.training.metrics import Metric
from typing_extensions import override

from sept_allennlp.training.metrics.relation_sets import relation_sets
from sept_runtime.documents import Document, Prediction, ScoredSpan

_NUM_BINS = 10


@Metric.register("calibration_error")
class CalibrationError(Metric):
    """
    How well the scores of predictions are probabilities of being right.

    `calibration_error` is the expected calibration error (Guo et al. 2017, "On Calibration of
    Modern Neural Networks"): predictions are put into ten bins of equal width by their score, and
    the difference between a bin's mean score and its share of right predictions is averaged over
    the predictions. `brier_score` is the mean of `(score - is right) ** 2`. Both are 0 at best.

    In distributed training the counts of all processes are added up when the metric is read.

    Registered as a `Metric` with name "calibration_error".
    """

    def __init__(self) -> None:
        self.reset()

    @override
    def reset(self) -> None:
        # Shape: (4, _NUM_BINS): predictions, right ones, sum of scores, sum of squared errors
        self._sums = torch.zeros(4, _NUM_BINS, dtype=torch.double)

    @override
    def __call__(  # type: ignore[override]
        self, scores: Sequence[float], is_right: Sequence[bool]
    ) -> None:
        """
        Count predictions.

        # Parameters

        scores : `Sequence[float]`
            Between 0 and 1.
        is_right : `Sequence[bool]`
        """
        # Shape (each): (number of predictions,)
        score = torch.tensor(scores, dtype=torch.double)
        right = torch.tensor(is_right, dtype=torch.double)
        bins = (score * _NUM_BINS).long().clamp(max=_NUM_BINS - 1)
        rows = torch.stack([torch.ones_like(score), right, score, (score - right) ** 2])
        self._sums.index_add_(1, bins, rows)

    def count_entities(
        self, entities: Iterable[Sequence[ScoredSpan]], documents: Iterable[Document]
    ) -> None:
        """Count the entities found in a batch of documents, as far as these are annotated."""
        for found, document in zip(entities, documents, strict=True):
            if document.entities is not None:
                gold = set(document.entities)
                self._count([(entity[:3], entity.score) for entity in found], gold)

    def count_relations(
        self,
        predictions: Iterable[Prediction],
        documents: Iterable[Document],
        symmetric_labels: Sequence[str],
    ) -> None:
        """
        Count the relations found in a batch of documents, as far as these are annotated.

        A relation is right in the sense of *Rel*, see `StrictRelationF1`.
        """
        symmetric = frozenset(symmetric_labels)
        for predicted, document in zip(predictions, documents, strict=True):
            if document.relations is None:
                continue
            gold = relation_sets(document.relations, document.entities or [], symmetric)["rel"]
            found = []
            for relation in predicted.relations or []:
                head, tail, label = predicted.in_words(relation).directed(symmetric)
                found.append((((head, tail), label), relation.score))
            self._count(found, gold)

    def _count(
        self, found: Sequence[Tuple[Hashable, float | None]], gold: AbstractSet[Hashable]
    ) -> None:
        self([score or 0.0 for _, score in found], [item in gold for item, _ in found])

    @override
    def get_metric(self, reset: bool = False) -> Dict[str, float]:
        """
        Return the metrics.

        # Returns

        `calibration_error` and `brier_score`; 0 if nothing was predicted.
        """
        sums = self._sums
        if is_distributed():
            # A copy: the trainer reads running values and goes on counting.
            sums = sums.to("cuda" if dist.get_backend() == "nccl" else "cpu", copy=True)
            dist.all_reduce(sums)
        # Shape (each): (_NUM_BINS,)
        total, right, scores, squares = sums.cpu()
        count = total.sum().clamp(min=1.0)
        metrics = {
            "calibration_error": float((scores - right).abs().sum() / count),
            "brier_score": float(squares.sum() / count),
        }
        if reset:
            self.reset()
        return metrics
