from typing import Iterable

from allennlp.data import DatasetReader

from sept_allennlp.data.dataset_readers.document_reader import DocumentReader
from sept_runtime.documents import Document
from sept_runtime.formats.scierc import read_scierc


@DatasetReader.register("scierc")
class SciERCReader(DocumentReader):
    """
    Reads SciERC's format: one JSON object a line with `doc_key`, `sentences` and, where the
    document is annotated, `ner` (per sentence `[start, end, label]`; word indices over the whole
    document, end included), or, where a teacher has annotated it, `soft_ner` (see
    `sept_runtime.formats.soft_ner`). Files whose name ends in `.gz` are decompressed.

    Registered as a `DatasetReader` with name "scierc". Parameters, instances and errors are those
    of `DocumentReader`; messages name the `doc_key`, too.
    """

    def read_documents(self, path: str, name: str) -> Iterable[Document]:
        """By `read_scierc`."""
        return read_scierc(path, name)
