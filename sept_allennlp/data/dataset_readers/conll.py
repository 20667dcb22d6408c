from typing import Any, Iterable, Optional

from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader
from typing_extensions import override

from sept_allennlp.data.dataset_readers.document_reader import DocumentReader
from sept_runtime.documents import Document
from sept_runtime.formats.conll import MAX_CONTEXT_WORDS, SUFFIXES, read_conll


@DatasetReader.register("conll")
class ConllReader(DocumentReader):
    """
    Dataset reader for CoNLL's column format, word first and tag (IOB1 or IOB2) last.

    `sept_runtime.formats.conll` describes the format. Documents are kept whole. In files without
    documents, consecutive sentences make up contexts, so that the encoder sees more than one.

    Registered as a `DatasetReader` with name "conll". Instances, errors and the other parameters
    are those of `DocumentReader`.

    # Parameters

    max_context_words : `int`, optional (default = `200`)
        The length of a context. A longer sentence is a separate context.
    label : `str`, optional (default = `None`)
        The label of entities whose tags, `B` and `I`, have none.

    # Raises

    `ConfigurationError` if `max_context_words` is less than one.
    """

    suffixes = SUFFIXES

    def __init__(
        self,
        max_context_words: int = MAX_CONTEXT_WORDS,
        label: Optional[str] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if max_context_words < 1:
            raise ConfigurationError(
                f"max_context_words must be at least 1, got {max_context_words}"
            )
        self._max_context_words = max_context_words
        self._label = label

    @override
    def read_documents(self, path: str, name: str) -> Iterable[Document]:
        return read_conll(path, self._max_context_words, name, self._label)
