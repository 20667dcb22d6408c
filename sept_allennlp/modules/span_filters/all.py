import torch
from allennlp.data import TextFieldTensors
from typing_extensions import override

from sept_allennlp.modules.span_filters.span_filter import SpanFilter


@SpanFilter.register("all")
class KeepAll(SpanFilter):
    """
    Keeps all candidates.

    Registered as a `SpanFilter` with name "all".
    """

    @override
    def forward(
        self, text: TextFieldTensors, spans: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        return mask
