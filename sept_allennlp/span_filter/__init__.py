"""The pre-trained span filter (paper, section 3.5): trained, measured, and used by SEPT."""

from sept_allennlp.span_filter.curve import FilterCurve
from sept_allennlp.span_filter.model import SpanFilterModel
from sept_allennlp.span_filter.pretrained import PretrainedSpanFilter
from sept_allennlp.span_filter.resolve_threshold import ResolveThreshold

__all__ = ["FilterCurve", "PretrainedSpanFilter", "ResolveThreshold", "SpanFilterModel"]
