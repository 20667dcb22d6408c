from typing import List, Optional

import torch
from allennlp.common import Lazy
from allennlp.common.checks import ConfigurationError
from allennlp.modules.span_extractors import SpanExtractor

from sept_allennlp.modules.construction import construct_with_input_dim
from sept_allennlp.modules.span_extractors.padded_spans import PaddedSpansExtractor


@SpanExtractor.register("concat", constructor="from_partial_objects")
class ConcatSpanExtractor(PaddedSpansExtractor):
    """
    Concatenates the vectors of several span extractors.

    The paper adds features to the maximum in this way (Table 2). AllenNLP's extractors look padded
    spans up, too. Here padded spans point inside the sequence, so that any extractor can be a part.

    Registered as a `SpanExtractor` with name "concat".

    # Parameters

    extractors : `List[SpanExtractor]`
        At least one. In a configuration, each one's `input_dim` may be left out.
    """

    def __init__(self, extractors: List[SpanExtractor]) -> None:
        if not extractors:
            raise ConfigurationError("'concat' needs at least one extractor")
        input_dims = [extractor.get_input_dim() for extractor in extractors]
        if len(set(input_dims)) > 1:
            raise ConfigurationError(
                f"the extractors of 'concat' must have the same input dimension, got {input_dims}"
            )
        super().__init__(input_dims[0], sum(extractor.get_output_dim() for extractor in extractors))
        self._extractors = torch.nn.ModuleList(extractors)

    @classmethod
    def from_partial_objects(
        cls, input_dim: int, extractors: List[Lazy[SpanExtractor]]
    ) -> "ConcatSpanExtractor":
        """Construct the extractor from a configuration."""
        return cls([construct_with_input_dim(extractor, input_dim) for extractor in extractors])

    def extract(
        self,
        sequence_tensor: torch.Tensor,
        span_indices: torch.Tensor,
        sequence_mask: Optional[torch.Tensor],
    ) -> torch.Tensor:
        """
        Return the parts' vectors, in the order of the parts.

        Shape: `(batch_size * num_spans, sum of the parts' output_dim)`.
        """
        return torch.cat(
            [
                extractor(sequence_tensor, span_indices, sequence_mask=sequence_mask).flatten(0, 1)
                for extractor in self._extractors
            ],
            dim=-1,
        )
