from sept_allennlp.models.sept import SEPT
from sept_allennlp.models.strict_crf_tagger import StrictCrfTagger

__all__ = ["SEPT", "StrictCrfTagger"]
