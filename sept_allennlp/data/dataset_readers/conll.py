from typing import Any, Iterable

from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader

from sept_allennlp.data.dataset_readers.document_reader import DocumentReader
from sept_runtime.documents import Document
from sept_runtime.formats.conll import MAX_CONTEXT_WORDS, read_conll


@DatasetReader.register("conll")
class ConllReader(DocumentReader):
    """
    Reads CoNLL's column format, word first and tag (IOB1 or IOB2) last, as
    `sept_runtime.formats.conll` describes it. Documents are kept whole; where a file has none,
    consecutive sentences make up contexts, so that the encoder sees more than a sentence.

    Registered as a `DatasetReader` with name "conll". Instances, errors and the other parameters
    are those of `DocumentReader`.

    # Parameters

    max_context_words : `int`, optional (default = `200`)
        How long a context gets. A sentence is never cut; a longer one is a context of its own.

    # Raises

    `ConfigurationError` if `max_context_words` is less than one.
    """

    def __init__(self, max_context_words: int = MAX_CONTEXT_WORDS, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if max_context_words < 1:
            raise ConfigurationError(f"max_context_words must be at least 1: {max_context_words}")
        self._max_context_words = max_context_words

    def read_documents(self, path: str, name: str) -> Iterable[Document]:
        """By `read_conll`."""
        return read_conll(path, self._max_context_words, name)
