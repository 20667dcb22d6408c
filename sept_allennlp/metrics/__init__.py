from sept_allennlp.metrics.strict_span_f1 import StrictSpanF1

__all__ = ["StrictSpanF1"]
