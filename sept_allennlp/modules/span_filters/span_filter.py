import torch
from allennlp.common import Registrable
from allennlp.data import TextFieldTensors
from allennlp.modules import TextFieldEmbedder


class SpanFilter(torch.nn.Module, Registrable):
    """
    Chooses the candidates that SEPT classifies in evaluation and prediction (paper, section 3.5).
    Training is never filtered.
    """

    default_implementation = "all"

    def check(self, text_field_embedder: TextFieldEmbedder, max_span_width: int) -> None:
        """
        # Raises

        `ConfigurationError` if the filter does not fit a model with this embedder and this limit.
        """

    def forward(
        self, text: TextFieldTensors, spans: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """
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
