import json
from typing import Dict, Optional

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data.fields.field import Field
from allennlp.data.vocabulary import Vocabulary

from sept_allennlp.modules.candidate_spans import PADDING
from sept_runtime.documents import SoftAnnotation


class SoftSpansField(Field[torch.Tensor]):
    """
    What a teacher believes of a document's candidate spans, as one tensor.

    The tensor has shape `(num_spans, 2 + num_labels)`: first word, last word (inclusive), and the
    probability of each label of the vocabulary. Batches are padded with `PADDING`.

    The labels are those of the gold annotation: a teacher's are not counted for the vocabulary, and
    must be the same.

    # Parameters

    soft : `SoftAnnotation`, optional (default = `None`)
        `None` for a document that no teacher has annotated.
    label_namespace : `str`, optional (default = `"labels"`)
    described_as : `str`, optional (default = `"document"`)
        What a message calls the document.
    """

    __slots__ = ["soft", "_label_namespace", "_described_as", "_indexed"]

    def __init__(
        self,
        soft: Optional[SoftAnnotation] = None,
        label_namespace: str = "labels",
        described_as: str = "document",
    ) -> None:
        self.soft = soft
        self._label_namespace = label_namespace
        self._described_as = described_as
        self._indexed: Optional[torch.Tensor] = None

    def index(self, vocab: Vocabulary) -> None:
        """
        # Raises

        `ConfigurationError` if the teacher's labels are others than the vocabulary's.
        """
        index_of = vocab.get_token_to_index_vocabulary(self._label_namespace)
        if self.soft is None:
            self._indexed = torch.zeros(0, 2 + len(index_of))
            return
        self._check_labels(self.soft, index_of)
        labels = sorted(index_of, key=index_of.__getitem__)
        # Shape: (num_spans, 2 + num_labels)
        self._indexed = torch.tensor(
            [
                [start, end, *(probabilities.get(label, 0.0) for label in labels)]
                for start, end, probabilities in self.soft.spans
            ]
        ).view(-1, 2 + len(index_of))

    def _check_labels(self, soft: SoftAnnotation, index_of: Dict[str, int]) -> None:
        only_teacher = sorted({*soft.labels} - {*index_of})
        only_gold = sorted({*index_of} - {*soft.labels})
        where = f"{self._described_as}: teacher and student have different labels"
        if only_gold:
            raise ConfigurationError(
                f"{where}, the teacher does not know {', '.join(only_gold)}: train the teacher on "
                "data with the student's labels, and annotate anew"
            )
        if only_teacher:
            to_add = json.dumps({"tokens_to_add": {self._label_namespace: only_teacher}})
            raise ConfigurationError(
                f"{where}, the student's gold data does not have {', '.join(only_teacher)}: give "
                f"it gold data with the teacher's labels, or add to its configuration "
                f'"vocabulary": {to_add}'
            )

    def get_padding_lengths(self) -> Dict[str, int]:
        """`num_spans`: to how many spans a batch is padded."""
        return {"num_spans": len(self)}

    def as_tensor(self, padding_lengths: Dict[str, int]) -> torch.Tensor:
        """
        # Returns

        `torch.FloatTensor` of shape `(num_spans, 2 + num_labels)`, `num_spans` being that of
        `padding_lengths`.

        # Raises

        `ConfigurationError` if the field has not been indexed.
        """
        if self._indexed is None:
            raise ConfigurationError("index this field with a vocabulary before making a tensor")
        missing = padding_lengths["num_spans"] - len(self._indexed)
        return torch.nn.functional.pad(self._indexed, (0, 0, 0, missing), value=float(PADDING))

    def empty_field(self) -> "SoftSpansField":
        """
        A field without spans that counts as indexed, which AllenNLP pads lists of fields with.
        """
        field = SoftSpansField(None, self._label_namespace)
        field._indexed = torch.zeros(0, 2)
        return field

    def __len__(self) -> int:
        return 0 if self.soft is None else len(self.soft.spans)

    def __str__(self) -> str:
        return f"SoftSpansField with {len(self)} spans"
