from sept_allennlp.metrics.filter_curve import FilterCurve
from sept_allennlp.metrics.strict_span_f1 import StrictSpanF1

__all__ = ["FilterCurve", "StrictSpanF1"]
