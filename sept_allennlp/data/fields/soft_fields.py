"""A teacher's soft labels for a document, as tensors."""

import json
from typing import Any, Dict, Optional, Sequence, Tuple

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data.vocabulary import Vocabulary
from typing_extensions import override

from sept_allennlp.data.fields.rows_field import RowsField
from sept_runtime.documents import SoftAnnotation, SoftRelations


class _SoftRowsField(RowsField):
    """
    Base class for a teacher's probabilities for items of a document.

    A row holds word indices and the probability of each label of the vocabulary.

    The labels are those of the gold annotation: the teacher's labels are not counted for the
    vocabulary, and must be the same.

    # Parameters

    labels : `Optional[Sequence[str]]`
        All labels that the teacher knows; `None` for a document without soft labels.
    rows : `Sequence[Tuple[Any, ...]]`
        Each has `num_indices` word indices, and a dictionary of probabilities by label.
    label_namespace : `str`
    described_as : `str`
        The document's name in messages.
    """

    __slots__ = ["_labels"]

    def __init__(
        self,
        labels: Optional[Sequence[str]],
        rows: Sequence[Tuple[Any, ...]],
        label_namespace: str,
        described_as: str,
    ) -> None:
        super().__init__(rows, label_namespace, described_as)
        self._labels = labels

    @override
    def index(self, vocab: Vocabulary) -> None:
        """
        Put the probabilities in the order of the vocabulary's labels.

        # Raises

        `ConfigurationError` if the teacher's labels differ from the vocabulary's.
        """
        index_of = vocab.get_token_to_index_vocabulary(self._label_namespace)
        if self._labels is not None:
            self._check_labels(self._labels, index_of)
        labels = sorted(index_of, key=index_of.__getitem__)
        # Shape: (number of rows, num_indices + num_labels)
        self._indexed = torch.tensor(
            [
                [*indices, *(probabilities.get(label, 0.0) for label in labels)]
                for *indices, probabilities in self._rows
            ],
            dtype=torch.float,
        ).view(-1, self.num_indices + len(index_of))

    def _check_labels(self, labels: Sequence[str], index_of: Dict[str, int]) -> None:
        only_teacher = sorted({*labels} - {*index_of})
        only_gold = sorted({*index_of} - {*labels})
        where = f"{self._described_as}: teacher and student have different {self.noun} labels"
        if only_gold:
            raise ConfigurationError(
                f"{where}, the teacher does not know {', '.join(only_gold)}: train the teacher on "
                "data with the student's labels, and annotate again"
            )
        if only_teacher:
            to_add = json.dumps({"tokens_to_add": {self._label_namespace: only_teacher}})
            raise ConfigurationError(
                f"{where}, the student's gold data does not have {', '.join(only_teacher)}: give "
                f"it gold data with the teacher's labels, or add to its configuration "
                f'"vocabulary": {to_add}'
            )

    @override
    def empty_field(self) -> "_SoftRowsField":
        field = type(self)(None, self._label_namespace)  # type: ignore[call-arg, arg-type]
        # AllenNLP pads lists of fields with empty ones, and does not index them.
        field._indexed = torch.zeros(0, self.num_indices)
        return field


class SoftSpansField(_SoftRowsField):
    """
    A teacher's probabilities for the candidate spans of a document, as one tensor.

    The tensor has shape `(num_spans, 2 + num_labels)`: first word, last word (inclusive), and the
    probability of each label of the vocabulary. Batches are padded with `PADDING`.

    # Parameters

    soft : `SoftAnnotation`, optional (default = `None`)
        `None` for a document without soft labels.
    label_namespace : `str`, optional (default = `"labels"`)
    described_as : `str`, optional (default = `"document"`)
        The document's name in messages.
    """

    noun = "entity"
    length_key = "num_spans"
    num_indices = 2

    __slots__ = ["soft"]

    def __init__(
        self,
        soft: Optional[SoftAnnotation] = None,
        label_namespace: str = "labels",
        described_as: str = "document",
    ) -> None:
        labels, spans, _ = soft or (None, [], None)
        super().__init__(labels, spans, label_namespace, described_as)
        self.soft = soft


class SoftRelationsField(_SoftRowsField):
    """
    A teacher's probabilities for relations between pairs of entities, as one tensor.

    The tensor has shape `(num_pairs, 4 + num_labels)`: first and last word of the head, first and
    last word of the tail (inclusive), and the probability of each label of the vocabulary. Batches
    are padded with `PADDING`.

    # Parameters

    soft : `SoftRelations`, optional (default = `None`)
        `None` for a document without soft labels for relations.
    label_namespace : `str`, optional (default = `"relation_labels"`)
    described_as : `str`, optional (default = `"document"`)
        The document's name in messages.
    """

    noun = "relation"
    length_key = "num_pairs"
    num_indices = 4

    __slots__ = ["soft"]

    def __init__(
        self,
        soft: Optional[SoftRelations] = None,
        label_namespace: str = "relation_labels",
        described_as: str = "document",
    ) -> None:
        labels, pairs = soft or (None, [])
        rows = [(*head, *tail, probabilities) for head, tail, probabilities in pairs]
        super().__init__(labels, rows, label_namespace, described_as)
        self.soft = soft
