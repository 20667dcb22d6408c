from sept_allennlp.models import baselines
from sept_allennlp.models.masked_language_model import MaskedLanguageModel
from sept_allennlp.models.pretrained_span_filter import PretrainedSpanFilter
from sept_allennlp.models.sept import SEPT
from sept_allennlp.models.span_classifier import SpanClassifier
from sept_allennlp.models.span_filter import SpanFilterModel

__all__ = [
    "SEPT",
    "MaskedLanguageModel",
    "PretrainedSpanFilter",
    "SpanClassifier",
    "SpanFilterModel",
    "baselines",
]
