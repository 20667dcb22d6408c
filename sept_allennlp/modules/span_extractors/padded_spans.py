from typing import Optional

import torch
from allennlp.modules.span_extractors import SpanExtractor
from typing_extensions import override


class PaddedSpansExtractor(SpanExtractor):
    """
    Base class for span extractors in which padded spans may hold anything, and get zeros.

    A subclass represents the other spans in `extract`.

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

    @override
    def get_input_dim(self) -> int:
        return self._input_dim

    @override
    def get_output_dim(self) -> int:
        return self._output_dim

    def extract(
        self,
        sequence_tensor: torch.Tensor,
        span_indices: torch.Tensor,
        sequence_mask: Optional[torch.Tensor],
    ) -> torch.Tensor:
        """
        Represent spans.

        There is at least one span, and padded spans point to the first position. `forward` writes
        into the result: it is flat because autograd would copy a view.

        # Parameters

        sequence_tensor, span_indices, sequence_mask :
            As for `forward`.

        # Returns

        `torch.FloatTensor` of shape `(batch_size * num_spans, output_dim)`, anything for padded
        spans.
        """
        raise NotImplementedError

    @override
    def forward(
        self,
        sequence_tensor: torch.Tensor,
        span_indices: torch.Tensor,
        sequence_mask: Optional[torch.Tensor] = None,
        span_indices_mask: Optional[torch.Tensor] = None,
    ) -> torch.Tensor:
        """
        Represent spans, with zeros for padding.

        # Parameters

        sequence_tensor : `torch.FloatTensor`
            Shape `(batch_size, sequence_length, input_dim)`.
        span_indices : `torch.LongTensor`
            Shape `(batch_size, num_spans, 2)`: first and last position, both inclusive; anything
            where `span_indices_mask` is false, without that mask negative starts.
        sequence_mask : `torch.BoolTensor`, optional
            Shape `(batch_size, sequence_length)`. Most extractors ignore it, since a span
            lies inside its sequence.
        span_indices_mask : `torch.BoolTensor`, optional
            Shape `(batch_size, num_spans)`.

        # Returns

        `torch.FloatTensor` of shape `(batch_size, num_spans, output_dim)`, zero for padded spans.
        """
        batch_size, num_spans, _ = span_indices.size()
        # A graph is never given negative starts, so there is no need to look for them.
        if span_indices_mask is None and torch.compiler.is_exporting():
            vectors = self.extract(sequence_tensor, span_indices, sequence_mask)
            return vectors.view(batch_size, num_spans, self._output_dim)
        if span_indices_mask is None:
            span_indices_mask = span_indices[..., 0] >= 0
        if not num_spans or not (sequence_tensor.size(1) or span_indices_mask.any()):
            return sequence_tensor.new_zeros(batch_size, num_spans, self._output_dim)
        padded = ~span_indices_mask.unsqueeze(-1)
        vectors = self.extract(sequence_tensor, span_indices.masked_fill(padded, 0), sequence_mask)
        vectors.masked_fill_(padded.reshape(-1, 1), 0.0)
        return vectors.view(batch_size, num_spans, self._output_dim)


def widest(starts: torch.Tensor, ends: torch.Tensor, length: int) -> int:
    """
    Return the width of the widest span.

    # Parameters

    starts, ends : `torch.LongTensor`
        Of the same shape, not empty: first and last positions, both inclusive.
    length : `int`
        The length of the sequence.

    # Raises

    `ValueError` for a span that is reversed or reaches outside the sequence.
    """
    widths = ends - starts + 1
    # One transfer from the device instead of four.
    narrowest, first, last, largest = torch.stack(
        [widths.min(), starts.min(), ends.max(), widths.max()]
    ).tolist()
    if narrowest < 1 or first < 0 or last >= length:
        raise ValueError(
            f"spans must lie inside the sequence of {length} positions and end no earlier "
            f"than they start; found starts from {first}, ends to {last}, and a width of "
            f"{narrowest}"
        )
    return largest
