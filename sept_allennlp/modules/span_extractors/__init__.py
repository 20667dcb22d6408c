from sept_allennlp.modules.span_extractors.concat import ConcatSpanExtractor
from sept_allennlp.modules.span_extractors.max_pool import MaxPoolSpanExtractor
from sept_allennlp.modules.span_extractors.self_attentive_sum import SelfAttentiveSumSpanExtractor
from sept_allennlp.modules.span_extractors.span_width import SpanWidthExtractor

__all__ = [
    "ConcatSpanExtractor",
    "MaxPoolSpanExtractor",
    "SelfAttentiveSumSpanExtractor",
    "SpanWidthExtractor",
]
