"""Candidate spans of a batch of documents, as tensors: no Python object per candidate."""

from typing import Tuple

import torch
from allennlp.data import TextFieldTensors

from sept_runtime.decoding import NO_ENTITY

# The sentence of a padded word, and the start and end of a padded span.
PADDING = -1


def candidate_grid(sentence_ids: torch.Tensor, max_span_width: int) -> torch.Tensor:
    """
    Return which pairs of start and width are candidates: spans inside one sentence.

    # Parameters

    sentence_ids : `torch.LongTensor`
        Shape `(batch_size, num_words)`: each word's sentence, `PADDING` beyond the document.
    max_span_width : `int`
        In words.

    # Returns

    `torch.BoolTensor` of shape `(batch_size, num_words, max_span_width)`; entry `[b, i, w]` is
    for words `i` to `i + w`, both inclusive.
    """
    batch_size, num_words = sentence_ids.size()
    padded = torch.nn.functional.pad(sentence_ids, (0, max_span_width), value=PADDING)
    # Shape: (batch_size, num_words, max_span_width)
    end_sentence = padded.unfold(1, max_span_width, 1)[:, :num_words]
    return (end_sentence == sentence_ids.unsqueeze(-1)) & (sentence_ids != PADDING).unsqueeze(-1)


def enumerate_spans(
    sentence_ids: torch.Tensor, max_span_width: int
) -> Tuple[torch.Tensor, torch.Tensor]:
    """
    Return all candidates of all documents, ordered by start, then by width.

    # Parameters

    sentence_ids, max_span_width :
        As for `candidate_grid`.

    # Returns

    spans : `torch.LongTensor`
        Shape `(batch_size, num_spans, 2)`: first and last word, both inclusive; `PADDING` in
        documents with fewer candidates than the largest.
    mask : `torch.BoolTensor`
        Shape `(batch_size, num_spans)`.
    """
    grid = candidate_grid(sentence_ids, max_span_width)
    batch_size, num_words, width = grid.size()
    starts = torch.arange(num_words, device=grid.device).view(1, num_words, 1)
    ends = starts + torch.arange(width, device=grid.device).view(1, 1, width)
    # Shape: (batch_size, num_words * max_span_width, 2)
    spans = torch.stack(torch.broadcast_tensors(starts, ends), dim=-1)
    spans = spans.expand(batch_size, -1, -1, -1).flatten(1, 2)
    return select(grid.flatten(1), spans)


def select(keep: torch.Tensor, values: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
    """
    Pack the kept entries of each row at the row's front, in order.

    # Parameters

    keep : `torch.BoolTensor`
        Shape `(batch_size, num_entries)`.
    values : `torch.LongTensor`
        Shape `(batch_size, num_entries, ...)`.

    # Returns

    packed : `torch.LongTensor`
        Shape `(batch_size, largest number kept in a row, ...)`, filled up with `PADDING`.
    mask : `torch.BoolTensor`
        Shape `(batch_size, largest number kept in a row)`.
    """
    counts = keep.sum(dim=1)
    size = int(counts.max()) if keep.numel() else 0
    # Shape: (batch_size, size)
    mask = torch.arange(size, device=keep.device).unsqueeze(0) < counts.unsqueeze(1)
    packed = values.new_full((*mask.size(), *values.size()[2:]), PADDING)
    packed[mask] = values[keep]
    return packed, mask


def label_spans(
    spans: torch.Tensor,
    mask: torch.Tensor,
    gold: torch.Tensor,
    num_words: int,
    max_span_width: int,
) -> torch.Tensor:
    """
    Return the class of each candidate by the annotation.

    # Parameters

    spans, mask :
        Candidates, as `enumerate_spans` returns them.
    gold : `torch.LongTensor`
        Shape `(batch_size, num_gold, 3)`: first word, last word, label index; `PADDING` beyond a
        document's entities. Wider gold spans are ignored; the metric counts them as missed.

    # Returns

    `torch.LongTensor` of shape `(batch_size, num_spans)`: `NO_ENTITY`, or the label's index + 1.
    """
    batch_size = spans.size(0)
    # Shape: (batch_size, num_words * max_span_width)
    grid = spans.new_full((batch_size, num_words * max_span_width), NO_ENTITY)
    if gold.size(1) and num_words:
        width = gold[..., 1] - gold[..., 0]
        reachable = (gold[..., 0] != PADDING) & (width < max_span_width)
        rows = torch.arange(batch_size, device=gold.device).unsqueeze(1).expand_as(width)
        cells = gold[..., 0] * max_span_width + width
        grid[rows[reachable], cells[reachable]] = gold[..., 2][reachable] + 1
    cells = spans[..., 0] * max_span_width + spans[..., 1] - spans[..., 0]
    labels = grid.gather(1, cells.clamp(min=0)) if grid.size(1) else cells
    return labels.masked_fill(~mask, NO_ENTITY)


def word_to_piece_spans(
    spans: torch.Tensor, mask: torch.Tensor, piece_offsets: torch.Tensor
) -> torch.Tensor:
    """
    Return the word pieces that word spans cover.

    # Parameters

    spans, mask :
        Word spans, as `enumerate_spans` returns them.
    piece_offsets : `torch.LongTensor`
        Shape `(batch_size, num_words, 2)`: each word's first and last piece, both inclusive.

    # Returns

    `torch.LongTensor` of shape `(batch_size, num_spans, 2)`, `PADDING` where `mask` is false.
    """
    safe = spans.clamp(min=0)
    starts = piece_offsets[..., 0].gather(1, safe[..., 0])
    ends = piece_offsets[..., 1].gather(1, safe[..., 1])
    return torch.stack([starts, ends], dim=-1).masked_fill(~mask.unsqueeze(-1), PADDING)


def piece_offsets(text: TextFieldTensors) -> torch.Tensor:
    """Return each word's first and last piece: shape `(batch_size, num_words, 2)`."""
    return next(t["piece_offsets"] for t in text.values() if "piece_offsets" in t)


def piece_mask(text: TextFieldTensors) -> torch.Tensor:
    """Return the mask of word pieces: shape `(batch_size, num_pieces)`."""
    return next(t["wordpiece_mask"] for t in text.values() if "wordpiece_mask" in t)
