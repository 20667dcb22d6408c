from typing import Optional

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.modules.span_extractors import SpanExtractor

from sept_allennlp.modules.span_extractors.bounds import without_padding
from sept_runtime.exported.poolings import SpanWidth


@SpanExtractor.register("span_width")
class SpanWidthExtractor(SpanExtractor):
    """
    An embedding of each span's width, in positions of the sequence (word pieces, where the embedder
    yields those): "+length" of the paper's Table 2. For use inside `concat`.

    The width embedding that AllenNLP's extractors can add fails at the first span that is wider
    than it has embeddings; here all wider spans share one.

    Registered as a `SpanExtractor` with name "span_width".

    # Parameters

    input_dim : `int`
        The last dimension of the sequence, which is not looked at.
    embedding_dim : `int`, optional (default = `200`)
    max_width : `int`, optional (default = `30`)
        Spans of this width and wider ones share an embedding.
    """

    def __init__(self, input_dim: int, embedding_dim: int = 200, max_width: int = 30) -> None:
        super().__init__()
        if max_width < 1:
            raise ConfigurationError(f"max_width must be at least 1: {max_width}")
        self._input_dim = input_dim
        self._embedding = torch.nn.Embedding(max_width, embedding_dim)

    def get_input_dim(self) -> int:
        return self._input_dim

    def get_output_dim(self) -> int:
        return self._embedding.embedding_dim

    def exported(self) -> SpanWidth:
        return SpanWidth(self._input_dim, self._embedding.weight.detach().cpu().numpy())

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
            Shape `(batch_size, sequence_length, input_dim)`; not looked at.
        span_indices : `torch.LongTensor`
            Shape `(batch_size, num_spans, 2)`: first and last position, both inclusive; anything
            where `span_indices_mask` is false, without that mask negative starts.
        sequence_mask : `torch.BoolTensor`, optional
            Not used.
        span_indices_mask : `torch.BoolTensor`, optional
            Shape `(batch_size, num_spans)`.

        # Returns

        `torch.FloatTensor` of shape `(batch_size, num_spans, embedding_dim)`, zero for padded
        spans.
        """
        span_indices, span_indices_mask = without_padding(span_indices, span_indices_mask)
        widths_minus_one = span_indices[..., 1] - span_indices[..., 0]
        rows = widths_minus_one.clamp(0, self._embedding.num_embeddings - 1)
        return self._embedding(rows) * span_indices_mask.unsqueeze(-1)
