"""The gold annotation of a document, as tensors."""

from typing import Any, Dict, Sequence, Tuple

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data.vocabulary import Vocabulary
from typing_extensions import override

from sept_allennlp.data.fields.rows_field import RowsField
from sept_runtime.documents import AnnotatedRelation, AnnotatedSpan


class _LabeledRowsField(RowsField):
    """
    Base class for labeled items of a document.

    A row holds word indices and, last, the label's index.
    """

    def __init__(
        self, rows: Sequence[Tuple[Any, ...]], label_namespace: str, described_as: str = "document"
    ) -> None:
        super().__init__(rows, label_namespace, described_as)

    @override
    def count_vocab_items(self, counter: Dict[str, Dict[str, int]]) -> None:
        for row in self._rows:
            counter[self._label_namespace][row[-1]] += 1

    @override
    def index(self, vocab: Vocabulary) -> None:
        """
        Look up the labels' indices.

        # Raises

        `ConfigurationError` for a label that the vocabulary, made from the training data, lacks.
        """
        index_of = vocab.get_token_to_index_vocabulary(self._label_namespace)
        for *indices, label in self._rows:
            if label not in index_of:
                raise ConfigurationError(
                    f"{self._described_as}: {self.noun} {[*indices, label]} has a label that the "
                    "training data does not have. "
                    f"The model knows {', '.join(sorted(index_of)) or 'none'}."
                )
        self._indexed = torch.tensor(
            [[*indices, index_of[label]] for *indices, label in self._rows], dtype=torch.long
        ).view(-1, self.num_indices + 1)

    @override
    def empty_field(self) -> "_LabeledRowsField":
        field = type(self)([], self._label_namespace)
        # AllenNLP pads lists of fields with empty ones, and does not index them.
        field._indexed = torch.zeros(0, self.num_indices + 1, dtype=torch.long)
        return field


class LabeledSpansField(_LabeledRowsField):
    """
    The annotated entities of a document, as one tensor.

    The tensor has shape `(num_spans, 3)`: first word, last word (inclusive), label index. Batches
    are padded with `PADDING`.

    # Parameters

    spans : `Sequence[AnnotatedSpan]`
    label_namespace : `str`, optional (default = `"labels"`)
    described_as : `str`, optional (default = `"document"`)
        The document's name in messages.
    """

    noun = "entity"
    length_key = "num_spans"
    num_indices = 2

    __slots__ = ["spans"]

    def __init__(
        self,
        spans: Sequence[AnnotatedSpan],
        label_namespace: str = "labels",
        described_as: str = "document",
    ) -> None:
        super().__init__(spans, label_namespace, described_as)
        self.spans = spans


class LabeledRelationsField(_LabeledRowsField):
    """
    The annotated relations of a document, as one tensor.

    The tensor has shape `(num_relations, 5)`: first and last word of the head, first and last word
    of the tail (inclusive), label index. Batches are padded with `PADDING`.

    # Parameters

    relations : `Sequence[AnnotatedRelation]`
    label_namespace : `str`, optional (default = `"relation_labels"`)
    described_as : `str`, optional (default = `"document"`)
        The document's name in messages.
    """

    noun = "relation"
    length_key = "num_relations"
    num_indices = 4

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
