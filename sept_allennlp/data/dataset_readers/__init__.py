from sept_allennlp.data.dataset_readers.conll import ConllReader
from sept_allennlp.data.dataset_readers.document_reader import DocumentReader
from sept_allennlp.data.dataset_readers.scierc import SciERCReader
from sept_allennlp.data.dataset_readers.text_blocks import TextBlockReader

__all__ = ["ConllReader", "DocumentReader", "SciERCReader", "TextBlockReader"]
