"""Scores of many spans in bounded memory."""

from typing import Callable, Optional, Sequence

import torch


def score_in_chunks(
    represent: Callable[..., torch.Tensor],
    score: Callable[[torch.Tensor], torch.Tensor],
    sequences: Sequence[torch.Tensor],
    spans: torch.Tensor,
    mask: torch.Tensor,
    max_spans_per_chunk: Optional[int] = None,
) -> torch.Tensor:
    """
    Score spans without holding the vectors of all spans at once.

    # Parameters

    represent : `Callable[..., torch.Tensor]`
        Takes the sequences, spans in them and their mask, and returns vectors of shape
        `(batch_size, num_spans, span_dim)`.
    score : `Callable[[torch.Tensor], torch.Tensor]`
        Takes vectors of shape `(any number, span_dim)`, and returns scores of shape
        `(the same number, num_scores)`.
    sequences : `Sequence[torch.Tensor]`
        Each of shape `(batch_size, sequence_length, ...)`.
    spans : `torch.LongTensor`
        Shape `(batch_size, num_spans, 2)`, as `select` packs them, with at least one span: first
        and last position.
    mask : `torch.BoolTensor`
        Shape `(batch_size, num_spans)`.
    max_spans_per_chunk : `int`, optional (default = all)

    # Returns

    `torch.FloatTensor` of shape `(number of spans in the batch, num_scores)`.
    """

    def score_chunk(
        sequences: Sequence[torch.Tensor], spans: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """Score some of the spans: shape `(number of spans in the chunk, num_scores)`."""
        # AllenNLP's extractors look padded spans up, too, so they must point inside the sequence.
        spans = spans.masked_fill(~mask.unsqueeze(-1), 0)
        # Shape: (batch_size, num_spans, span_dim)
        vectors = represent(*sequences, spans, mask)
        # Padding is not scored. (`vectors[mask]` is slower.)
        present = mask.flatten().nonzero().squeeze(-1)
        # In full precision, whatever the rest computes in.
        return score(vectors.flatten(0, 1).index_select(0, present)).float()

    batch_size, num_spans = mask.size()
    size = num_spans if max_spans_per_chunk is None else max(max_spans_per_chunk // batch_size, 1)
    if num_spans <= size:
        return score_chunk(sequences, spans, mask)
    scores: Optional[torch.Tensor] = None
    for start in range(0, num_spans, size):
        chunk = slice(start, start + size)
        chunk_spans, chunk_mask = spans[:, chunk], mask[:, chunk]
        # Only the part of the sequences that these spans cover, and its neighbors, which some
        # extractors read.
        first = max(int(chunk_spans[..., 0][chunk_mask].min()) - 1, 0)
        last = int(chunk_spans[..., 1][chunk_mask].max()) + 1
        # AllenNLP's extractors need it contiguous.
        parts = [sequence[:, first : last + 1].contiguous() for sequence in sequences]
        chunk_scores = score_chunk(parts, chunk_spans - first, chunk_mask)
        if scores is None:
            # Shape: (batch_size, num_spans, num_scores)
            scores = chunk_scores.new_zeros(*mask.size(), chunk_scores.size(-1))
        scores[:, chunk][chunk_mask] = chunk_scores
    assert scores is not None
    return scores[mask]
