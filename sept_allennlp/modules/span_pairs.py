"""Pairs of spans of a batch of documents, as tensors: no Python object per pair."""

from typing import Tuple

import torch

from sept_allennlp.modules.candidate_spans import PADDING


def sentence_pairs(
    spans: torch.Tensor, mask: torch.Tensor, sentence_ids: torch.Tensor, max_distance: int
) -> torch.Tensor:
    """
    Return which pairs of different spans are in one sentence, and not too far apart.

    # Parameters

    spans : `torch.LongTensor`
        Shape `(batch_size, num_spans, 2)`: first and last word, anything where `mask` is false.
    mask : `torch.BoolTensor`
        Shape `(batch_size, num_spans)`.
    sentence_ids : `torch.LongTensor`
        Shape `(batch_size, num_words)`: each word's sentence, `PADDING` beyond the document.
    max_distance : `int`
        The maximum number of words between the two.

    # Returns

    `torch.BoolTensor` of shape `(batch_size, num_spans, num_spans)`, symmetric.
    """
    num_spans = spans.size(1)
    if not sentence_ids.size(1):
        return mask.new_zeros(len(mask), num_spans, num_spans)
    # Shape: (batch_size, num_spans)
    sentences = sentence_ids.gather(1, spans[..., 0].clamp(min=0)).masked_fill(~mask, PADDING)
    together = sentences.unsqueeze(2) == sentences.unsqueeze(1)
    different = ~torch.eye(num_spans, dtype=torch.bool, device=mask.device)
    # The second starts at most so far behind the end of the first.
    starts, ends = spans.unbind(dim=-1)
    near = starts.unsqueeze(1) <= (ends + 1 + max_distance).unsqueeze(2)
    return together & different & near & near.transpose(1, 2) & mask.unsqueeze(2)


def select_pairs(keep: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
    """
    Return the indices of the pairs to keep.

    # Parameters

    keep : `torch.BoolTensor`
        Shape `(batch_size, num_spans, num_spans)`: by head and tail, which pairs to keep.

    # Returns

    pairs : `torch.LongTensor`
        Shape `(batch_size, largest number kept of a document, 2)`: head and tail, as indices of
        the document's spans, `PADDING` beyond a document's pairs.
    mask : `torch.BoolTensor`
        Shape `(batch_size, largest number kept of a document)`.
    """
    counts = keep.flatten(1).sum(dim=1)
    size = int(counts.max()) if keep.numel() else 0
    # Shape: (batch_size, size)
    mask = torch.arange(size, device=keep.device) < counts.unsqueeze(1)
    pairs = counts.new_full((*mask.size(), 2), PADDING)
    pairs[mask] = keep.nonzero()[:, 1:]
    return pairs, mask


def label_pairs(
    spans: torch.Tensor,
    mask: torch.Tensor,
    relations: torch.Tensor,
    symmetric: torch.Tensor,
) -> torch.Tensor:
    """
    Return the labels of each pair by the annotation.

    # Parameters

    spans, mask :
        As for `sentence_pairs`.
    relations : `torch.LongTensor`
        Shape `(batch_size, num_relations, 5)`: first and last word of the head and of the tail,
        label index; `PADDING` beyond a document's relations. Relations between other spans are
        ignored; the metric counts them as missed.
    symmetric : `torch.BoolTensor`
        Shape `(num_labels,)`: the labels without a direction, which hold in both.

    # Returns

    `torch.BoolTensor` of shape `(batch_size, num_spans, num_spans, num_labels)`, by head and tail.
    """
    batch_size, num_spans = mask.size()
    labels = mask.new_zeros(batch_size, num_spans, num_spans, len(symmetric))
    if num_spans and relations.size(1):
        # A padded relation must equal no span.
        spans = spans.masked_fill(~mask.unsqueeze(-1), PADDING - 1).unsqueeze(1)
        # Shape (both): (batch_size, num_relations, num_spans)
        is_head = (relations[..., None, 0:2] == spans).all(dim=-1)
        is_tail = (relations[..., None, 2:4] == spans).all(dim=-1)
        # Shape (both): (number of relations whose spans are there,)
        rows, numbers = (is_head.any(dim=-1) & is_tail.any(dim=-1)).nonzero(as_tuple=True)
        heads = is_head[rows, numbers].int().argmax(dim=-1)
        tails = is_tail[rows, numbers].int().argmax(dim=-1)
        labels[rows, heads, tails, relations[rows, numbers, 4]] = True
    return labels | (labels.transpose(1, 2) & symmetric)
