from typing import Optional, Tuple

import torch
from allennlp.common import Lazy
from allennlp.modules import FeedForward
from allennlp.nn.util import bucket_values

from sept_allennlp.modules.construction import construct_with_input_dim
from sept_allennlp.modules.relation_scorers.relation_scorer import RelatedSpans, RelationScorer
from sept_allennlp.modules.span_extractors import MaxPoolSpanExtractor

# Buckets of the number of words between two spans: 0, 1, 2, 3, 4, 5-7, 8-15, 16-31, 32-63, more.
_NUM_BUCKETS = 10
# From here on, all distances share a bucket.
_LAST_DISTANCE = 64


@RelationScorer.register("pooled_context")
class PooledContextScorer(RelationScorer):
    """
    Classifies pairs of entities by the vectors of head and tail, and of the context between them.

    The context's vector is the element-wise maximum over the sequence between the two entities, and
    zero if they are adjacent or overlap (SpERT: Eberts and Ulges 2020, "Span-based Joint Entity and
    Relation Extraction with Transformer Pre-training", section 3). Two embeddings are added that
    SpERT does not have: one of each entity's label, averaged by the label probabilities, so that
    doubtful entities can be told; and one of the number of words between the two entities and of
    their order.

    Registered as a `RelationScorer` with name "pooled_context".

    # Parameters

    span_dim, sequence_dim, num_classes, num_labels : `int`
        Given by the model.
    feedforward : `Lazy[FeedForward]`, optional (default = `None`)
        The MLP before the output layer; its `input_dim` may be left out. Without it there is only
        the output layer, as in SpERT.
    label_dim : `int`, optional (default = `25`)
        The dimension of a label's embedding.
    distance_dim : `int`, optional (default = `25`)
        The dimension of the embedding of distance and order.
    dropout : `float`, optional (default = `0.1`)
        On a pair's vector.
    """

    def __init__(
        self,
        span_dim: int,
        sequence_dim: int,
        num_classes: int,
        num_labels: int,
        feedforward: Optional[Lazy[FeedForward]] = None,
        label_dim: int = 25,
        distance_dim: int = 25,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self._context_extractor = MaxPoolSpanExtractor(sequence_dim)
        self._label_embedding = torch.nn.Linear(num_classes, label_dim, bias=False)
        self._distance_embedding = torch.nn.Embedding(2 * _NUM_BUCKETS, distance_dim)
        # A table, because engines round logarithms differently.
        self._buckets: torch.Tensor
        buckets = bucket_values(torch.arange(1 + _LAST_DISTANCE), num_total_buckets=_NUM_BUCKETS)
        self.register_buffer("_buckets", buckets, persistent=False)
        self._dropout = torch.nn.Dropout(dropout)
        pair_dim = 2 * (span_dim + label_dim) + sequence_dim + distance_dim
        self._feedforward: Optional[FeedForward] = None
        if feedforward is not None:
            self._feedforward = construct_with_input_dim(feedforward, pair_dim)
            pair_dim = self._feedforward.get_output_dim()
        self._output = torch.nn.Linear(pair_dim, num_labels)

    def forward(self, spans: RelatedSpans, pairs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return the logits of pairs: shape `(number of pairs in the batch, num_labels)`."""
        # Shape (each): (batch_size, num_pairs)
        heads, tails = pairs.masked_fill(~mask.unsqueeze(-1), 0).unbind(dim=-1)
        context = self._pool_context(spans, heads, tails, mask)
        # Shape: (batch_size, num_spans, span_dim + label_dim)
        labeled = torch.cat([spans.vectors, self._label_embedding(spans.probabilities)], dim=-1)
        distances = self._distance_embedding(self._distance_and_order(spans.words, heads, tails))
        # The document and the index of each pair that is there.
        rows, columns = mask.nonzero(as_tuple=True)
        # Shape: (number of pairs in the batch, pair_dim)
        vectors = torch.cat(
            [
                labeled[rows, heads[rows, columns]],
                labeled[rows, tails[rows, columns]],
                context[rows, columns],
                distances[rows, columns],
            ],
            dim=-1,
        )
        vectors = self._dropout(vectors)
        if self._feedforward is not None:
            vectors = self._feedforward(vectors)
        return self._output(vectors)

    def _pool_context(
        self, spans: RelatedSpans, heads: torch.Tensor, tails: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """Shape `(batch_size, num_pairs, sequence_dim)`."""
        first, last = _between(spans.positions, heads, tails)
        there = mask & (first <= last)
        between = torch.stack([first, last], dim=-1)
        return self._context_extractor(spans.sequence, between, span_indices_mask=there)

    def _distance_and_order(
        self, words: torch.Tensor, heads: torch.Tensor, tails: torch.Tensor
    ) -> torch.Tensor:
        """Return the row of the distance embedding: shape `(batch_size, num_pairs)`."""
        first, last = _between(words, heads, tails)
        buckets = self._buckets[(last - first + 1).clamp(0, _LAST_DISTANCE)]
        # Spans with the same start are ordered by their ends, as entities are.
        starts, ends = words.unbind(dim=-1)
        head_start, tail_start = starts.gather(1, heads), starts.gather(1, tails)
        same_start = head_start == tail_start
        head_later = (head_start > tail_start) | (
            same_start & (ends.gather(1, heads) > ends.gather(1, tails))
        )
        return buckets + _NUM_BUCKETS * head_later


def _between(
    positions: torch.Tensor, heads: torch.Tensor, tails: torch.Tensor
) -> Tuple[torch.Tensor, torch.Tensor]:
    """
    Return the first and the last position between two spans.

    The last comes before the first if the spans are adjacent or overlap. `positions` has shape
    `(batch_size, num_spans, 2)`, the other tensors have `(batch_size, num_pairs)`.
    """
    starts, ends = positions.unbind(dim=-1)
    first = torch.minimum(ends.gather(1, heads), ends.gather(1, tails)) + 1
    last = torch.maximum(starts.gather(1, heads), starts.gather(1, tails)) - 1
    return first, last
