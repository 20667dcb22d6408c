from typing import Optional

import torch
from allennlp.modules.span_extractors import SpanExtractor

from sept_allennlp.modules.span_extractors.padded_spans import PaddedSpansExtractor, widest


@SpanExtractor.register("self_attentive_sum")
class SelfAttentiveSumSpanExtractor(PaddedSpansExtractor):
    """
    The weighted mean of the embeddings inside each span.

    The weights are a softmax over a learned score for each position: the "attention" of the paper's
    Table 2, the head of Lee et al. (2017), section 4.

    The values are those of AllenNLP's `self_attentive`, which holds (spans × width × dim) numbers;
    this one holds (spans × dim) and (spans × width).

    Registered as a `SpanExtractor` with name "self_attentive_sum".

    # Parameters

    input_dim : `int`
        The last dimension of the sequence, and of the result.
    """

    def __init__(self, input_dim: int) -> None:
        super().__init__(input_dim, input_dim)
        self._global_attention = torch.nn.Linear(input_dim, 1)

    def extract(
        self,
        sequence_tensor: torch.Tensor,
        span_indices: torch.Tensor,
        sequence_mask: Optional[torch.Tensor],
    ) -> torch.Tensor:
        """
        Return the weighted means, of shape `(batch_size * num_spans, input_dim)`.

        The mask is ignored.

        # Raises

        `ValueError` for a span, other than padding, that is reversed or reaches outside the
        sequence.
        """
        batch_size, length, dim = sequence_tensor.size()
        # Shape (each): (batch_size, num_spans)
        starts, ends = span_indices.unbind(-1)
        # Shape: (batch_size, sequence_length)
        scores = self._global_attention(sequence_tensor).squeeze(-1)
        if torch.compiler.is_exporting():
            # A graph cannot look at the widths: all positions get a weight, 0 outside the span.
            positions = torch.arange(length)
            outside = (positions < starts.unsqueeze(-1)) | (positions > ends.unsqueeze(-1))
            # Shape: (batch_size, num_spans, sequence_length)
            weights = scores.unsqueeze(1).masked_fill(outside, float("-inf")).softmax(dim=-1)
            return (weights @ sequence_tensor).flatten(0, 1)
        steps = torch.arange(widest(starts, ends, length), device=starts.device)
        widths = ends - starts + 1
        # Shape (each): (batch_size, num_spans, largest width)
        inside = steps < widths.unsqueeze(-1)
        positions = (starts.unsqueeze(-1) + steps).clamp(max=length - 1)

        # Shape: (batch_size, num_spans, largest width)
        span_scores = scores.gather(1, positions.flatten(1)).view_as(positions)
        weights = span_scores.masked_fill(~inside, float("-inf")).softmax(dim=-1)

        rows = torch.arange(batch_size, device=starts.device).view(-1, 1, 1) * length + positions
        ends_in_bag = widths.flatten().cumsum(0)
        return torch.nn.functional.embedding_bag(
            rows[inside],
            sequence_tensor.reshape(-1, dim),
            ends_in_bag - widths.flatten(),
            mode="sum",
            per_sample_weights=weights[inside].to(sequence_tensor.dtype),
        )
