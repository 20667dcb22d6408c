from typing import Any, ClassVar, Dict, List, Optional, Sequence, Tuple

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data.fields.field import Field
from allennlp.data.vocabulary import Vocabulary

from sept_allennlp.modules.candidate_spans import PADDING


class LabeledRowsField(Field[torch.Tensor]):
    """
    Something annotated in a document, one or many, as one tensor: a row each of word indices and,
    last, the label's index. Batches are padded with `PADDING`. A subclass says what it is.

    # Parameters

    rows : `Sequence[Tuple[Any, ...]]`
        Each of `num_places` word indices, and the label.
    label_namespace : `str`
    described_as : `str`
        What a message calls the document.
    """

    # What a message calls one row and AllenNLP the number of them, and how many indices it has.
    noun: ClassVar[str]
    length_name: ClassVar[str]
    num_places: ClassVar[int]

    __slots__ = ["_rows", "_label_namespace", "_described_as", "_indexed"]

    def __init__(
        self, rows: Sequence[Tuple[Any, ...]], label_namespace: str, described_as: str = "document"
    ) -> None:
        self._rows = rows
        self._label_namespace = label_namespace
        self._described_as = described_as
        self._indexed: Optional[List[List[int]]] = None

    def count_vocab_items(self, counter: Dict[str, Dict[str, int]]) -> None:
        """Counts each label, so that the vocabulary's are the training data's."""
        for row in self._rows:
            counter[self._label_namespace][row[-1]] += 1

    def index(self, vocab: Vocabulary) -> None:
        """
        # Raises

        `ConfigurationError` for a label that the vocabulary, made from the training data, lacks.
        """
        index_of = vocab.get_token_to_index_vocabulary(self._label_namespace)
        for *places, label in self._rows:
            if label not in index_of:
                raise ConfigurationError(
                    f"{self._described_as}: {self.noun} {[*places, label]} has a label that the "
                    "training data does not have. "
                    f"The model knows {', '.join(sorted(index_of)) or 'none'}."
                )
        self._indexed = [[*places, index_of[label]] for *places, label in self._rows]

    def get_padding_lengths(self) -> Dict[str, int]:
        """`length_name`: to how many rows a batch is padded."""
        return {self.length_name: len(self._rows)}

    def as_tensor(self, padding_lengths: Dict[str, int]) -> torch.Tensor:
        """
        # Returns

        `torch.LongTensor` of shape `(number of rows in padding_lengths, num_places + 1)`.

        # Raises

        `ConfigurationError` if the field has not been indexed.
        """
        if self._indexed is None:
            raise ConfigurationError("index this field with a vocabulary before making a tensor")
        # Shape: (number of rows, num_places + 1)
        shape = padding_lengths[self.length_name], self.num_places + 1
        tensor = torch.full(shape, PADDING, dtype=torch.long)
        if self._indexed:
            tensor[: len(self._indexed)] = torch.tensor(self._indexed)
        return tensor

    def empty_field(self) -> "LabeledRowsField":
        """A field without rows that counts as indexed, which AllenNLP pads lists of fields with."""
        field = type(self)([], self._label_namespace)
        field._indexed = []
        return field

    def __len__(self) -> int:
        return len(self._rows)

    def __str__(self) -> str:
        return f"{type(self).__name__} with {len(self._rows)} rows"
