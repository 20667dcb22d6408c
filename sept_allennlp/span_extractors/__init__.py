from sept_allennlp.span_extractors.max_pool import MaxPoolSpanExtractor

__all__ = ["MaxPoolSpanExtractor"]
