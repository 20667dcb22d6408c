from typing import Dict, List, Optional, Sequence

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data.fields.field import Field
from allennlp.data.vocabulary import Vocabulary

from sept_allennlp.modules.candidate_spans import PADDING
from sept_runtime.documents import AnnotatedSpan


class LabeledSpansField(Field[torch.Tensor]):
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

    __slots__ = ["spans", "_label_namespace", "_described_as", "_indexed"]

    def __init__(
        self,
        spans: Sequence[AnnotatedSpan],
        label_namespace: str = "labels",
        described_as: str = "document",
    ) -> None:
        self.spans = spans
        self._label_namespace = label_namespace
        self._described_as = described_as
        self._indexed: Optional[List[List[int]]] = None

    def count_vocab_items(self, counter: Dict[str, Dict[str, int]]) -> None:
        """Counts the entities of each label, so that the vocabulary's are the training data's."""
        for span in self.spans:
            counter[self._label_namespace][span.label] += 1

    def index(self, vocab: Vocabulary) -> None:
        """
        # Raises

        `ConfigurationError` for a label that the vocabulary, made from the training data, lacks.
        """
        index_of = vocab.get_token_to_index_vocabulary(self._label_namespace)
        for span in self.spans:
            if span.label not in index_of:
                raise ConfigurationError(
                    f"{self._described_as}: entity {list(span)} has a label that the training "
                    f"data does not have. The model knows {', '.join(sorted(index_of)) or 'none'}."
                )
        self._indexed = [[span.start, span.end, index_of[span.label]] for span in self.spans]

    def get_padding_lengths(self) -> Dict[str, int]:
        """`num_spans`: to how many spans a batch is padded."""
        return {"num_spans": len(self.spans)}

    def as_tensor(self, padding_lengths: Dict[str, int]) -> torch.Tensor:
        """
        # Returns

        `torch.LongTensor` of shape `(num_spans, 3)`, `num_spans` being that of `padding_lengths`.

        # Raises

        `ConfigurationError` if the field has not been indexed.
        """
        if self._indexed is None:
            raise ConfigurationError("index this field with a vocabulary before making a tensor")
        # Shape: (num_spans, 3)
        tensor = torch.full((padding_lengths["num_spans"], 3), PADDING, dtype=torch.long)
        if self._indexed:
            tensor[: len(self._indexed)] = torch.tensor(self._indexed)
        return tensor

    def empty_field(self) -> "LabeledSpansField":
        """
        A field without spans that counts as indexed, which AllenNLP pads lists of fields with.
        """
        field = LabeledSpansField([], self._label_namespace)
        field._indexed = []
        return field

    def __len__(self) -> int:
        return len(self.spans)

    def __str__(self) -> str:
        return f"LabeledSpansField with {len(self.spans)} spans"
