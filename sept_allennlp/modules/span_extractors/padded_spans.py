from typing import Optional

import torch
from allennlp.modules.span_extractors import SpanExtractor


class PaddedSpansExtractor(SpanExtractor):
    """
    What the extractors of this package have in common: padded spans may hold anything, and get
    zeros. A subclass says in `extract` what the others get.

    # Parameters

    input_dim : `int`
        The last dimension of the sequence.
    output_dim : `int`
        The last dimension of the result.
    """

    def __init__(self, input_dim: int, output_dim: int) -> None:
        super().__init__()
        self._input_dim = input_dim
        self._output_dim = output_dim

    def get_input_dim(self) -> int:
        """The last dimension of the sequence."""
        return self._input_dim

    def get_output_dim(self) -> int:
        """The last dimension of the result."""
        return self._output_dim

    def extract(
        self,
        sequence_tensor: torch.Tensor,
        span_indices: torch.Tensor,
        sequence_mask: Optional[torch.Tensor],
    ) -> torch.Tensor:
        """
        The vectors of spans, of which at least one is there and no padded one points elsewhere than
        to the first position. `forward` writes into what this returns: it is flat because autograd
        would copy a view.

        # Parameters

        sequence_tensor, span_indices, sequence_mask :
            As for `forward`.

        # Returns

        `torch.FloatTensor` of shape `(batch_size * num_spans, output_dim)`, anything for padded
        spans.
        """
        raise NotImplementedError

    def forward(
        self,
        sequence_tensor: torch.Tensor,
        span_indices: torch.Tensor,
        sequence_mask: Optional[torch.Tensor] = None,
        span_indices_mask: Optional[torch.Tensor] = None,
    ) -> torch.Tensor:
        """
        # Parameters

        sequence_tensor : `torch.FloatTensor`
            Shape `(batch_size, sequence_length, input_dim)`.
        span_indices : `torch.LongTensor`
            Shape `(batch_size, num_spans, 2)`: first and last position, both inclusive; anything
            where `span_indices_mask` is false, without that mask negative starts.
        sequence_mask : `torch.BoolTensor`, optional
            Shape `(batch_size, sequence_length)`. A span lies inside its sequence, and so most
            extractors do not look at it.
        span_indices_mask : `torch.BoolTensor`, optional
            Shape `(batch_size, num_spans)`.

        # Returns

        `torch.FloatTensor` of shape `(batch_size, num_spans, output_dim)`, zero for padded spans.
        """
        batch_size, num_spans, _ = span_indices.size()
        if span_indices_mask is None:
            span_indices_mask = span_indices[..., 0] >= 0
        if not num_spans or not (sequence_tensor.size(1) or span_indices_mask.any()):
            return sequence_tensor.new_zeros(batch_size, num_spans, self._output_dim)
        padded = ~span_indices_mask.unsqueeze(-1)
        vectors = self.extract(sequence_tensor, span_indices.masked_fill(padded, 0), sequence_mask)
        vectors.masked_fill_(padded.reshape(-1, 1), 0.0)
        return vectors.view(batch_size, num_spans, self._output_dim)
