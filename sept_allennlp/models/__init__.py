from sept_allennlp.models.sciie import SciIE
from sept_allennlp.models.sept import SEPT

__all__ = ["SEPT", "SciIE"]
