import torch
from allennlp.common import Registrable
from allennlp.data import TextFieldTensors
from allennlp.modules import TextFieldEmbedder
from typing_extensions import override


class SpanFilter(torch.nn.Module, Registrable):
    """
    Base class for filters, which choose the candidates of evaluation and prediction.

    Training is never filtered (paper, section 3.5).
    """

    default_implementation = "all"

    def check(self, text_field_embedder: TextFieldEmbedder, max_span_width: int) -> None:
        """
        Check that the filter fits a model.

        # Raises

        `ConfigurationError` if the filter does not fit a model with this embedder and this limit.
        """

    def forward(
        self, text: TextFieldTensors, spans: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """
        Choose candidates.

        # Parameters

        text : `TextFieldTensors`
            The documents' words, as the model gets them.
        spans : `torch.LongTensor`
            Shape `(batch_size, num_spans, 2)`: first and last word, `PADDING` where `mask` is
            false.
        mask : `torch.BoolTensor`
            Shape `(batch_size, num_spans)`.

        # Returns

        `torch.BoolTensor` of shape `(batch_size, num_spans)`: the candidates to keep, `mask` itself
        for all of them.
        """
        raise NotImplementedError


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
