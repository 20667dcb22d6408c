from typing import Sequence

from sept_allennlp.data.fields.labeled_rows_field import LabeledRowsField
from sept_runtime.documents import AnnotatedRelation


class LabeledRelationsField(LabeledRowsField):
    """
    The annotated relations of a document, as one tensor.

    The tensor has shape `(num_relations, 5)`: first and last word of the head, first and last word
    of the tail (inclusive), label index. Batches are padded with `PADDING`.

    # Parameters

    relations : `Sequence[AnnotatedRelation]`
    label_namespace : `str`, optional (default = `"relation_labels"`)
    described_as : `str`, optional (default = `"document"`)
        What a message calls the document.
    """

    noun = "relation"
    length_name = "num_relations"
    num_places = 4

    __slots__ = ["relations"]

    def __init__(
        self,
        relations: Sequence[AnnotatedRelation],
        label_namespace: str = "relation_labels",
        described_as: str = "document",
    ) -> None:
        rows = [(*head, *tail, label) for head, tail, label in relations]
        super().__init__(rows, label_namespace, described_as)
        self.relations = relations
