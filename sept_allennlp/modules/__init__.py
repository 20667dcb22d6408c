"""What models are made of: candidates, samplers, extractors, filters, decoding."""

from sept_allennlp.modules import span_extractors, span_filters, span_samplers

__all__ = ["span_extractors", "span_filters", "span_samplers"]
