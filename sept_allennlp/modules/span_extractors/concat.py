from typing import List, Optional

import torch
from allennlp.common import Lazy
from allennlp.common.checks import ConfigurationError
from allennlp.modules.span_extractors import SpanExtractor

from sept_allennlp.modules.construction import construct_with_input_dim
from sept_allennlp.modules.exporting import exported_pooling
from sept_allennlp.modules.span_extractors.bounds import without_padding
from sept_runtime.exported.poolings import Concat


@SpanExtractor.register("concat", constructor="from_partial_objects")
class ConcatSpanExtractor(SpanExtractor):
    """
    Several extractors' vectors of each span, one after the other: how the paper adds features to
    the maximum (Table 2).

    AllenNLP's extractors look padded spans up like any other; here they get such as exist, so that
    any of them can be one of the parts.

    Registered as a `SpanExtractor` with name "concat".

    # Parameters

    extractors : `List[SpanExtractor]`
        At least one. In a configuration, each one's `input_dim` may be left out.
    """

    def __init__(self, extractors: List[SpanExtractor]) -> None:
        super().__init__()
        if not extractors:
            raise ConfigurationError("'concat' needs at least one extractor")
        input_dims = [extractor.get_input_dim() for extractor in extractors]
        if len(set(input_dims)) > 1:
            raise ConfigurationError(
                f"the extractors of 'concat' look at one sequence, and expect it {input_dims} wide"
            )
        self._extractors = torch.nn.ModuleList(extractors)
        self._input_dim = input_dims[0]
        self._output_dim = sum(extractor.get_output_dim() for extractor in extractors)

    @classmethod
    def from_partial_objects(
        cls, input_dim: int, extractors: List[Lazy[SpanExtractor]]
    ) -> "ConcatSpanExtractor":
        """The constructor that a configuration is read by."""
        return cls([construct_with_input_dim(extractor, input_dim) for extractor in extractors])

    def get_input_dim(self) -> int:
        return self._input_dim

    def get_output_dim(self) -> int:
        return self._output_dim

    def exported(self) -> Concat:
        return Concat([exported_pooling(extractor) for extractor in self._extractors])

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
            Shape `(batch_size, sequence_length)`.
        span_indices_mask : `torch.BoolTensor`, optional
            Shape `(batch_size, num_spans)`.

        # Returns

        `torch.FloatTensor` of shape `(batch_size, num_spans, sum of the parts' output_dim)`, zero
        for padded spans.
        """
        span_indices, span_indices_mask = without_padding(span_indices, span_indices_mask)
        return torch.cat(
            [
                extractor(
                    sequence_tensor,
                    span_indices,
                    sequence_mask=sequence_mask,
                    span_indices_mask=span_indices_mask,
                )
                for extractor in self._extractors
            ],
            dim=-1,
        )
