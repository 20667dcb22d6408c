from sept_allennlp.modules.span_samplers.all_spans import AllSpans
from sept_allennlp.modules.span_samplers.random_negatives import RandomNegatives
from sept_allennlp.modules.span_samplers.span_sampler import SpanSampler

__all__ = ["AllSpans", "RandomNegatives", "SpanSampler"]
