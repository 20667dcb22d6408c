"""Pairs of spans of a batch of documents, as tensors: no Python object per pair."""

from typing import List, Sequence, Tuple

import torch

from sept_allennlp.modules.candidate_spans import PADDING, select
from sept_runtime.documents import ScoredSpan


def places_of(
    entities: Sequence[List[ScoredSpan]], device: torch.device
) -> Tuple[torch.Tensor, torch.Tensor]:
    """
    The entities that were found in each document of a batch, as tensors.

    # Returns

    spans : `torch.LongTensor`
        Shape `(batch_size, most entities of a document, 2)`: first and last word; `PADDING` beyond
        a document's entities.
    mask : `torch.BoolTensor`
        Shape `(batch_size, most entities of a document)`.
    """
    places = [
        torch.tensor([entity[:2] for entity in found], dtype=torch.long).view(-1, 2)
        for found in entities
    ]
    spans = torch.nn.utils.rnn.pad_sequence(places, batch_first=True, padding_value=PADDING)
    spans = spans.to(device)
    return spans, spans[..., 0] != PADDING


def sentence_pairs(
    spans: torch.Tensor, mask: torch.Tensor, sentence_ids: torch.Tensor
) -> torch.Tensor:
    """
    Which two different spans lie in one sentence.

    # Parameters

    spans : `torch.LongTensor`
        Shape `(batch_size, num_spans, 2)`: first and last word, anything where `mask` is false.
    mask : `torch.BoolTensor`
        Shape `(batch_size, num_spans)`.
    sentence_ids : `torch.LongTensor`
        Shape `(batch_size, num_words)`: each word's sentence, `PADDING` where there is no word.

    # Returns

    `torch.BoolTensor` of shape `(batch_size, num_spans, num_spans)`, the same in either order.
    """
    num_spans = spans.size(1)
    if not sentence_ids.size(1):
        return mask.new_zeros(len(mask), num_spans, num_spans)
    # Shape: (batch_size, num_spans)
    sentences = sentence_ids.gather(1, spans[..., 0].clamp(min=0)).masked_fill(~mask, PADDING)
    together = sentences.unsqueeze(2) == sentences.unsqueeze(1)
    different = ~torch.eye(num_spans, dtype=torch.bool, device=mask.device)
    return together & different & mask.unsqueeze(2)


def select_pairs(keep: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
    """
    # Parameters

    keep : `torch.BoolTensor`
        Shape `(batch_size, num_spans, num_spans)`: by head and tail, which pairs to keep.

    # Returns

    pairs : `torch.LongTensor`
        Shape `(batch_size, largest number kept of a document, 2)`: head and tail, as places among
        the document's spans, `PADDING` beyond a document's pairs.
    mask : `torch.BoolTensor`
        Shape `(batch_size, largest number kept of a document)`.
    """
    places = torch.arange(keep.size(1), device=keep.device)
    # Shape: (num_spans * num_spans, 2)
    pairs = torch.cartesian_prod(places, places).view(-1, 2)
    return select(keep.flatten(1), pairs.expand(len(keep), -1, -1))


def label_pairs(
    spans: torch.Tensor,
    mask: torch.Tensor,
    relations: torch.Tensor,
    symmetric: torch.Tensor,
) -> torch.Tensor:
    """
    The labels of each pair by the annotation.

    # Parameters

    spans, mask :
        As for `sentence_pairs`.
    relations : `torch.LongTensor`
        Shape `(batch_size, num_relations, 5)`: first and last word of the head and of the tail,
        label index; `PADDING` beyond a document's relations. One between spans that are not there
        leaves no trace here: it is the metric's affair to count it as missed.
    symmetric : `torch.BoolTensor`
        Shape `(num_labels,)`: which labels' relations have no direction, and so hold in both.

    # Returns

    `torch.BoolTensor` of shape `(batch_size, num_spans, num_spans, num_labels)`, by head and tail.
    """
    batch_size, num_spans = mask.size()
    labels = mask.new_zeros(batch_size, num_spans, num_spans, len(symmetric))
    if num_spans and relations.size(1):
        # A padded relation is the same as no span.
        spans = spans.masked_fill(~mask.unsqueeze(-1), PADDING - 1).unsqueeze(1)
        # Shape (both): (batch_size, num_relations, num_spans)
        is_head = (relations[..., None, 0:2] == spans).all(dim=-1)
        is_tail = (relations[..., None, 2:4] == spans).all(dim=-1)
        # Shape (both): (number of relations whose spans are there,)
        rows, places = (is_head.any(dim=-1) & is_tail.any(dim=-1)).nonzero(as_tuple=True)
        heads = is_head[rows, places].int().argmax(dim=-1)
        tails = is_tail[rows, places].int().argmax(dim=-1)
        labels[rows, heads, tails, relations[rows, places, 4]] = True
    return labels | (labels.transpose(1, 2) & symmetric)
