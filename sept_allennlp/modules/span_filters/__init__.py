from sept_allennlp.modules.span_filters.span_filter import KeepAll, SpanFilter

__all__ = ["KeepAll", "SpanFilter"]
