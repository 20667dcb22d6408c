from sept_allennlp.models.sept import SEPT
from sept_allennlp.models.span_classifier import SpanClassifier

__all__ = ["SEPT", "SpanClassifier"]
