from sept_allennlp.dataset_readers.scierc import SciERCReader

__all__ = ["SciERCReader"]
