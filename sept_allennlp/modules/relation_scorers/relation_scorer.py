from typing import NamedTuple

import torch
from allennlp.common import Registrable


class RelatedSpans(NamedTuple):
    """
    The entities of a batch of documents that make pairs.

    # Parameters

    sequence : `torch.FloatTensor`
        Shape `(batch_size, sequence_length, sequence_dim)`: the embedded words or word pieces.
    words : `torch.LongTensor`
        Shape `(batch_size, num_spans, 2)`: first and last word.
    positions : `torch.LongTensor`
        Shape `(batch_size, num_spans, 2)`: first and last position in the sequence.
    mask : `torch.BoolTensor`
        Shape `(batch_size, num_spans)`: false for padding.
    vectors : `torch.FloatTensor`
        Shape `(batch_size, num_spans, span_dim)`.
    probabilities : `torch.FloatTensor`
        Shape `(batch_size, num_spans, num_classes)`: of "no entity" and of each label of
        entities, without gradients.
    """

    sequence: torch.Tensor
    words: torch.Tensor
    positions: torch.Tensor
    mask: torch.Tensor
    vectors: torch.Tensor
    probabilities: torch.Tensor


class RelationScorer(torch.nn.Module, Registrable):
    """
    Base class for scorers of pairs of entities, the head and the tail of a possible relation.

    A subclass's constructor takes `span_dim`, `sequence_dim` and `num_classes` (see
    `RelatedSpans`), `num_labels`, which is the number of labels of relations, and its own
    parameters.
    """

    default_implementation = "pooled_context"

    def forward(self, spans: RelatedSpans, pairs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """
        Score pairs.

        # Parameters

        spans : `RelatedSpans`
        pairs : `torch.LongTensor`
            Shape `(batch_size, num_pairs, 2)`: head and tail, as indices of the document's spans;
            anything where `mask` is false. There is at least one pair.
        mask : `torch.BoolTensor`
            Shape `(batch_size, num_pairs)`.

        # Returns

        `torch.FloatTensor` of shape `(number of pairs in the batch, num_labels)`: logits.
        """
        raise NotImplementedError
