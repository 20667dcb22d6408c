import torch
from allennlp.data import TextFieldTensors

from sept_allennlp.modules.span_filters.span_filter import SpanFilter


@SpanFilter.register("all")
class KeepAll(SpanFilter):
    """
    Keeps every candidate.

    Registered as a `SpanFilter` with name "all".
    """

    def forward(
        self, text: TextFieldTensors, spans: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """Gives `mask` itself, of shape `(batch_size, num_spans)`."""
        return mask
