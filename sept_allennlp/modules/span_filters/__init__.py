from sept_allennlp.modules.span_filters.all import KeepAll
from sept_allennlp.modules.span_filters.span_filter import SpanFilter

__all__ = ["KeepAll", "SpanFilter"]
