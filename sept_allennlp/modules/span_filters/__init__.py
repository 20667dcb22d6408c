from sept_allennlp.span_filters.all import KeepAll
from sept_allennlp.span_filters.pretrained import PretrainedSpanFilter
from sept_allennlp.span_filters.span_filter import SpanFilter

__all__ = ["KeepAll", "PretrainedSpanFilter", "SpanFilter"]
