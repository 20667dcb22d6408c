from typing import Optional

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.modules.span_extractors import SpanExtractor

from sept_allennlp.modules.span_extractors.padded_spans import PaddedSpansExtractor


@SpanExtractor.register("span_width")
class SpanWidthExtractor(PaddedSpansExtractor):
    """
    An embedding of each span's width: "+length" of the paper's Table 2, for use inside `concat`.

    The width is in positions of the sequence, which are word pieces if the embedder yields those.

    The width embedding that AllenNLP's extractors can add fails at the first span that is wider
    than it has embeddings; here all wider spans share one.

    Registered as a `SpanExtractor` with name "span_width".

    # Parameters

    input_dim : `int`
        The last dimension of the sequence, which is ignored.
    embedding_dim : `int`, optional (default = `200`)
    max_width : `int`, optional (default = `30`)
        Spans of this width and wider ones share an embedding.
    """

    def __init__(self, input_dim: int, embedding_dim: int = 200, max_width: int = 30) -> None:
        super().__init__(input_dim, embedding_dim)
        if max_width < 1:
            raise ConfigurationError(f"max_width must be at least 1, got {max_width}")
        self._embedding = torch.nn.Embedding(max_width, embedding_dim)

    def extract(
        self,
        sequence_tensor: torch.Tensor,
        span_indices: torch.Tensor,
        sequence_mask: Optional[torch.Tensor],
    ) -> torch.Tensor:
        """
        Return the embeddings of the spans' widths.

        Their shape is `(batch_size * num_spans, embedding_dim)`.

        Sequence and mask are ignored.
        """
        widths_minus_one = span_indices[..., 1] - span_indices[..., 0]
        rows = widths_minus_one.clamp(0, self._embedding.num_embeddings - 1)
        return self._embedding(rows.flatten())
