from sept_allennlp.models.sciie import SciIE
from sept_allennlp.models.sept import SEPT
from sept_allennlp.models.span_classifier import SpanClassifier
from sept_allennlp.models.span_filter import SpanFilterModel
from sept_allennlp.models.strict_crf_tagger import StrictCrfTagger

__all__ = ["SEPT", "SciIE", "SpanClassifier", "SpanFilterModel", "StrictCrfTagger"]
