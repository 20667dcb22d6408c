from sept_allennlp.models.sept import SEPT

__all__ = ["SEPT"]
