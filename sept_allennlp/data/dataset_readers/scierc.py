from typing import Iterable

from allennlp.data import DatasetReader
from typing_extensions import override

from sept_allennlp.data.dataset_readers.document_reader import DocumentReader
from sept_runtime.documents import Document
from sept_runtime.formats.scierc import read_scierc


@DatasetReader.register("scierc")
class SciERCReader(DocumentReader):
    """
    Dataset reader for SciERC's format, one JSON object a line.

    An object holds `sentences` and, optionally, `doc_key` (or `doc_id` or `id`), `ner` (per
    sentence `[start, end, label]`; word indices over the whole document, end included), `relations`
    and a teacher's `soft_ner` (see `sept_runtime.formats.soft_ner`).

    Registered as a `DatasetReader` with name "scierc". Parameters, instances and errors are those
    of `DocumentReader`.
    """

    @override
    def read_documents(self, path: str, name: str) -> Iterable[Document]:
        return read_scierc(path, name)
