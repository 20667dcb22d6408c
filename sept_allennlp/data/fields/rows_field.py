from typing import Any, ClassVar, Dict, Optional, Sequence, Tuple

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data.fields.field import Field
from typing_extensions import override

from sept_allennlp.modules.candidate_spans import PADDING


class RowsField(Field[torch.Tensor]):
    """
    Base class for items of a document: one tensor with a row for each item.

    A row begins with word indices. A subclass makes `_indexed` of the rows in `index`. Batches are
    padded with `PADDING`.

    # Parameters

    rows : `Sequence[Tuple[Any, ...]]`
        Each has `num_indices` word indices, and what a subclass adds.
    label_namespace : `str`
    described_as : `str`
        The document's name in messages.
    """

    # An item's name in messages, the key of its padding length, and its number of word indices.
    noun: ClassVar[str]
    length_key: ClassVar[str]
    num_indices: ClassVar[int]

    __slots__ = ["_rows", "_label_namespace", "_described_as", "_indexed"]

    def __init__(
        self, rows: Sequence[Tuple[Any, ...]], label_namespace: str, described_as: str
    ) -> None:
        self._rows = rows
        self._label_namespace = label_namespace
        self._described_as = described_as
        # Shape: (number of rows, num_indices + what a subclass adds)
        self._indexed: Optional[torch.Tensor] = None

    @override
    def get_padding_lengths(self) -> Dict[str, int]:
        return {self.length_key: len(self)}

    @override
    def as_tensor(self, padding_lengths: Dict[str, int]) -> torch.Tensor:
        """
        Return the rows, padded.

        # Returns

        `torch.Tensor` of shape `(number of rows in padding_lengths, num_indices + what a subclass
        adds)`.

        # Raises

        `ConfigurationError` if the field has not been indexed.
        """
        if self._indexed is None:
            raise ConfigurationError("index this field with a vocabulary before making a tensor")
        missing = padding_lengths[self.length_key] - len(self._indexed)
        return torch.nn.functional.pad(self._indexed, (0, 0, 0, missing), value=PADDING)

    def __len__(self) -> int:
        return len(self._rows)

    def __str__(self) -> str:
        return f"{type(self).__name__} with {len(self)} rows"
