"""The scores of many spans in bounded memory."""

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
    What a model says of the vectors of spans, without holding the vectors of all spans at once.

    # Parameters

    represent : `Callable[..., torch.Tensor]`
        Takes the sequences, spans in them and their mask, and gives vectors of shape
        `(batch_size, num_spans, span_dim)`.
    score : `Callable[[torch.Tensor], torch.Tensor]`
        Takes vectors of shape `(any number, span_dim)`, and gives scores of shape
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
        """The scores of some of the spans: shape `(number of spans in the chunk, num_scores)`."""
        # AllenNLP's extractors look padded spans up like any other, so they must point somewhere.
        spans = spans.masked_fill(~mask.unsqueeze(-1), 0)
        # Shape: (batch_size, num_spans, span_dim)
        vectors = represent(*sequences, spans, mask)
        # Only what is there is scored. (`vectors[mask]`, which is slower.)
        present = mask.flatten().nonzero().squeeze(-1)
        # In full precision also where the rest is not.
        return score(vectors.flatten(0, 1).index_select(0, present)).float()

    batch_size, num_spans = mask.size()
    size = num_spans if max_spans_per_chunk is None else max(max_spans_per_chunk // batch_size, 1)
    if num_spans <= size:
        return score_chunk(sequences, spans, mask)
    scores: Optional[torch.Tensor] = None
    for start in range(0, num_spans, size):
        chunk = slice(start, start + size)
        chunk_spans, chunk_mask = spans[:, chunk], mask[:, chunk]
        # Only the stretch of the sequences that these spans lie in, and their neighbors, at which
        # some extractors look.
        first = max(int(chunk_spans[..., 0][chunk_mask].min()) - 1, 0)
        last = int(chunk_spans[..., 1][chunk_mask].max()) + 1
        # AllenNLP's extractors want it in one piece.
        stretches = [sequence[:, first : last + 1].contiguous() for sequence in sequences]
        chunk_scores = score_chunk(stretches, chunk_spans - first, chunk_mask)
        if scores is None:
            # Shape: (batch_size, num_spans, num_scores)
            scores = chunk_scores.new_zeros(*mask.size(), chunk_scores.size(-1))
        scores[:, chunk][chunk_mask] = chunk_scores
    assert scores is not None
    return scores[mask]
