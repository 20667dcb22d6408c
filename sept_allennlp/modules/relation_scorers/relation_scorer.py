from typing import NamedTuple

import torch
from allennlp.common import Registrable


class RelatedSpans(NamedTuple):
    """
    The entities of a batch of documents, between which there may be relations.

    # Parameters

    sequence : `torch.FloatTensor`
        Shape `(batch_size, sequence_length, sequence_dim)`: the embedded words or word pieces.
    words : `torch.LongTensor`
        Shape `(batch_size, num_spans, 2)`: first and last word.
    positions : `torch.LongTensor`
        Shape `(batch_size, num_spans, 2)`: first and last position in the sequence.
    mask : `torch.BoolTensor`
        Shape `(batch_size, num_spans)`: where there is an entity.
    vectors : `torch.FloatTensor`
        Shape `(batch_size, num_spans, span_dim)`.
    probabilities : `torch.FloatTensor`
        Shape `(batch_size, num_spans, num_classes)`: of "no entity", and of each of the entities'
        labels, as the entities' classifier has them; no gradient goes through them.
    """

    sequence: torch.Tensor
    words: torch.Tensor
    positions: torch.Tensor
    mask: torch.Tensor
    vectors: torch.Tensor
    probabilities: torch.Tensor


class RelationScorer(torch.nn.Module, Registrable):
    """
    Says of pairs of entities which relations there are between the first, the head, and the second,
    the tail.

    An implementation's constructor takes, beside what is its own, `span_dim`, `sequence_dim` and
    `num_classes` (see `RelatedSpans`), and `num_labels`, of relations.
    """

    default_implementation = "pooled_context"

    def forward(self, spans: RelatedSpans, pairs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """
        # Parameters

        spans : `RelatedSpans`
        pairs : `torch.LongTensor`
            Shape `(batch_size, num_pairs, 2)`: head and tail, as places among the document's spans;
            anything where `mask` is false. There is at least one pair.
        mask : `torch.BoolTensor`
            Shape `(batch_size, num_pairs)`.

        # Returns

        `torch.FloatTensor` of shape `(number of pairs in the batch, num_labels)`: logits.
        """
        raise NotImplementedError
