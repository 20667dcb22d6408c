from typing import AbstractSet, Dict, Hashable, Sequence, Tuple

import torch
import torch.distributed as dist
from allennlp.common.util import is_distributed

from sept_runtime.scoring import precision_recall_f1


class LabelCounts:
    """
    Counts of right predictions, of all predictions and of gold, for each label.

    In distributed training the counts of all processes are added up when the scores are read.

    # Parameters

    labels : `Sequence[str]`
        The labels that may occur.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = list(labels)
        self._index = {label: i for i, label in enumerate(self._labels)}
        self.reset()

    def reset(self) -> None:
        """Reset the local counts."""
        # Shape: (3, num_labels): right, predicted, gold
        self._counts = torch.zeros(3, len(self._labels), dtype=torch.long)

    def add(
        self, predicted: AbstractSet[Tuple[Hashable, str]], gold: AbstractSet[Tuple[Hashable, str]]
    ) -> None:
        """
        Count one document.

        # Parameters

        predicted, gold :
            The predicted and the annotated items: each a place, and its label.

        # Raises

        `KeyError` for a label that is not among `labels`.
        """
        for row, found in enumerate((predicted & gold, predicted, gold)):
            for _, label in found:
                self._counts[row, self._index[label]] += 1

    def scores(self) -> Dict[str, float]:
        """
        Return the scores of the counts.

        # Returns

        `precision`, `recall` and `f1`, and the same for each label as `precision-LABEL` and so on;
        0 if nothing was predicted or there is nothing to find.
        """
        counts = self._counts
        if is_distributed():
            # A copy: the trainer reads running values and goes on counting.
            on_device = counts.to("cuda" if dist.get_backend() == "nccl" else "cpu", copy=True)
            dist.all_reduce(on_device)
            counts = on_device.cpu()
        scores = precision_recall_f1(*counts.sum(dim=1).tolist())
        for label, (right, predicted, gold) in zip(self._labels, counts.t().tolist()):
            for name, value in precision_recall_f1(right, predicted, gold).items():
                scores[f"{name}-{label}"] = value
        return scores
