from typing import Sequence

from sept_allennlp.data.fields.labeled_rows_field import LabeledRowsField
from sept_runtime.documents import AnnotatedSpan


class LabeledSpansField(LabeledRowsField):
    """
    The annotated spans of a document, as one tensor.

    The tensor has shape `(num_spans, 3)`: first word, last word (inclusive), label index. Batches
    are padded with `PADDING`.

    # Parameters

    spans : `Sequence[AnnotatedSpan]`
    label_namespace : `str`, optional (default = `"labels"`)
    described_as : `str`, optional (default = `"document"`)
        What a message calls the document.
    """

    noun = "entity"
    length_name = "num_spans"
    num_places = 2

    __slots__ = ["spans"]

    def __init__(
        self,
        spans: Sequence[AnnotatedSpan],
        label_namespace: str = "labels",
        described_as: str = "document",
    ) -> None:
        super().__init__(spans, label_namespace, described_as)
        self.spans = spans
