"""The systems that the paper compares SEPT with."""

from sept_allennlp.models.baselines.elmo import ElmoEmbedder
from sept_allennlp.models.baselines.sciie import SciIE
from sept_allennlp.models.baselines.strict_crf_tagger import StrictCrfTagger

__all__ = ["ElmoEmbedder", "SciIE", "StrictCrfTagger"]
