from sept_allennlp.dataset_readers.conll import ConllReader
from sept_allennlp.dataset_readers.document_reader import DocumentReader
from sept_allennlp.dataset_readers.scierc import SciERCReader

__all__ = ["ConllReader", "DocumentReader", "SciERCReader"]
