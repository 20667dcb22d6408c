from typing import AbstractSet, Dict, Hashable, Sequence, Tuple

import torch
import torch.distributed as dist
from allennlp.common.util import is_distributed

from sept_runtime.scoring import precision_recall_f1


class LabelCounts:
    """
    How much was predicted rightly, predicted, and annotated, label by label: what strict scores
    are made of. In distributed training the counts of all processes are added up when the scores
    are read.

    # Parameters

    labels : `Sequence[str]`
        The labels that may occur.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = list(labels)
        self._index = {label: i for i, label in enumerate(self._labels)}
        self.reset()

    def reset(self) -> None:
        """Forgets what was counted, in this process alone."""
        # Shape: (3, num_labels): right, predicted, gold
        self._counts = torch.zeros(3, len(self._labels), dtype=torch.long)

    def add(
        self, predicted: AbstractSet[Tuple[Hashable, str]], gold: AbstractSet[Tuple[Hashable, str]]
    ) -> None:
        """
        Counts one document.

        # Parameters

        predicted, gold :
            What is predicted and annotated in it: where, and its label.

        # Raises

        `KeyError` for a label that is not among `labels`.
        """
        for row, found in enumerate((predicted & gold, predicted, gold)):
            for _, label in found:
                self._counts[row, self._index[label]] += 1

    def scores(self) -> Dict[str, float]:
        """
        # Returns

        `precision`, `recall` and `f1`, and the same per label as `precision-LABEL` and so on;
        0 where nothing was predicted or there is nothing to find.
        """
        counts = self._counts
        if is_distributed():
            # Not in place: the trainer reads running values and goes on counting.
            on_device = counts.to("cuda" if dist.get_backend() == "nccl" else "cpu", copy=True)
            dist.all_reduce(on_device)
            counts = on_device.cpu()
        scores = precision_recall_f1(*counts.sum(dim=1).tolist())
        for label, (right, predicted, gold) in zip(self._labels, counts.t().tolist()):
            for name, value in precision_recall_f1(right, predicted, gold).items():
                scores[f"{name}-{label}"] = value
        return scores
