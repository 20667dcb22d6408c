import torch
from allennlp.common import Registrable


class SpanScorer(torch.nn.Module, Registrable):
    """
    Base class for scorers, which score candidate spans for a filter (paper, section 3.5).
    """

    default_implementation = "start_end_width"

    def forward(
        self,
        embedded: torch.Tensor,
        embedded_mask: torch.Tensor,
        spans: torch.Tensor,
        widths: torch.Tensor,
        mask: torch.Tensor,
    ) -> torch.Tensor:
        """
        Score spans.

        # Parameters

        embedded : `torch.FloatTensor`
            Shape `(batch_size, sequence_length, input_dim)`.
        embedded_mask : `torch.BoolTensor`
            Shape `(batch_size, sequence_length)`.
        spans : `torch.LongTensor`
            Shape `(batch_size, num_spans, 2)`: first and last position in the sequence, both
            inclusive; anything where `mask` is false.
        widths : `torch.LongTensor`
            Shape `(batch_size, num_spans)`: in words; anything where `mask` is false.
        mask : `torch.BoolTensor`
            Shape `(batch_size, num_spans)`.

        # Returns

        `torch.FloatTensor` of shape `(batch_size, num_spans)`: the log-odds that the span is an
        entity; anything where `mask` is false.
        """
        raise NotImplementedError
