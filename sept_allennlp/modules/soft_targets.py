"""What a teacher believes of candidate spans, as targets of a cross-entropy."""

from typing import Sequence

import torch

from sept_allennlp.modules.candidate_spans import label_spans
from sept_runtime.decoding import NO_ENTITY


def soft_targets(
    spans: torch.Tensor,
    mask: torch.Tensor,
    soft: torch.Tensor,
    num_words: int,
    max_span_width: int,
) -> torch.Tensor:
    """
    The teacher's distribution over the classes of each candidate.

    # Parameters

    spans, mask :
        Candidates, as `enumerate_spans` gives them.
    soft : `torch.FloatTensor`
        Shape `(batch_size, num_soft, 2 + num_labels)`: first word, last word, each label's
        probability; `PADDING` beyond a document's spans. A span that is no candidate (too wide)
        leaves no trace.
    num_words, max_span_width : `int`

    # Returns

    `torch.FloatTensor` of shape `(batch_size, num_spans, 1 + num_labels)`, each row adding up to 1;
    a candidate that is not listed in `soft` is `NO_ENTITY` with probability 1.
    """
    batch_size, num_soft, _ = soft.size()
    places = soft[..., :2].long()
    numbers = torch.arange(num_soft, device=soft.device).expand(batch_size, -1).unsqueeze(-1)
    # Shape: (batch_size, num_spans): 0 where a candidate is not listed, otherwise its number + 1,
    # as if that were its label.
    rows = label_spans(spans, mask, torch.cat([places, numbers], dim=-1), num_words, max_span_width)
    probabilities = soft[..., 2:].clamp(min=0.0)
    # They are rounded, and may add up to a little more than 1.
    sums = probabilities.sum(dim=-1, keepdim=True)
    probabilities = probabilities / sums.clamp(min=1.0)
    no_entity = 1.0 - probabilities.sum(dim=-1, keepdim=True)
    unlisted = probabilities.new_zeros(batch_size, 1, 1 + probabilities.size(-1))
    unlisted[..., NO_ENTITY] = 1.0
    # Shape: (batch_size, 1 + num_soft, 1 + num_labels)
    table = torch.cat([unlisted, torch.cat([no_entity.clamp(min=0.0), probabilities], -1)], dim=1)
    return table.gather(1, rows.unsqueeze(-1).expand(-1, -1, table.size(-1)))


def mixed_targets(
    labels: torch.Tensor, soft: torch.Tensor, annotated: Sequence[bool], taught: Sequence[bool]
) -> torch.Tensor:
    """
    The distributions that candidates of a batch are to be given, where some documents have gold
    labels, some a teacher's, and some both: those are learned by halves.

    # Parameters

    labels : `torch.LongTensor`
        Shape `(batch_size, num_spans)`: each candidate's class by the annotation.
    soft : `torch.FloatTensor`
        Shape `(batch_size, num_spans, num_classes)`: by the teacher, see `soft_targets`.
    annotated, taught : `Sequence[bool]`
        For each document whether there is an annotation, and whether the teacher's.

    # Returns

    `torch.FloatTensor` of shape `(batch_size, num_spans, num_classes)`.
    """
    # Shape (both): (batch_size, 1, 1)
    by_hand, by_teacher = soft.new_tensor([annotated, taught]).view(2, -1, 1, 1)
    share = by_hand / (by_hand + by_teacher).clamp(min=1.0)
    gold = torch.nn.functional.one_hot(labels, soft.size(-1))
    return share * gold + (1.0 - share) * soft
