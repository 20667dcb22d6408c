import torch
from allennlp.common import Lazy
from allennlp.modules import FeedForward
from allennlp.modules.span_extractors import SpanExtractor

from sept_allennlp.modules.construction import construct_with_input_dim
from sept_allennlp.modules.span_filters.scorers.span_scorer import SpanScorer
from sept_allennlp.modules.span_scoring import score_in_chunks


@SpanScorer.register("pooled")
class PooledScorer(SpanScorer):
    """
    An MLP over each span's vector: the paper's filter (section 3.5).

    Registered as a `SpanScorer` with name "pooled".

    # Parameters

    input_dim : `int`
        The last dimension of the sequence.
    max_span_width : `int`
        Not used here.
    span_extractor : `Lazy[SpanExtractor]`
        Its `input_dim` follows and may be left out.
    feedforward : `Lazy[FeedForward]`
        The MLP before the score. Its `input_dim` follows and may be left out.
    max_spans_per_chunk : `int`, optional (default = `65536`)
        In evaluation, the maximum number of candidates to represent at once, which bounds the
        memory that a very long document takes.
    """

    def __init__(
        self,
        input_dim: int,
        max_span_width: int,
        span_extractor: Lazy[SpanExtractor],
        feedforward: Lazy[FeedForward],
        max_spans_per_chunk: int = 65536,
    ) -> None:
        super().__init__()
        self._span_extractor = construct_with_input_dim(span_extractor, input_dim)
        self._feedforward = construct_with_input_dim(
            feedforward, self._span_extractor.get_output_dim()
        )
        self._output = torch.nn.Linear(self._feedforward.get_output_dim(), 1)
        self._max_spans_per_chunk = max_spans_per_chunk

    def forward(
        self,
        embedded: torch.Tensor,
        embedded_mask: torch.Tensor,
        spans: torch.Tensor,
        widths: torch.Tensor,
        mask: torch.Tensor,
    ) -> torch.Tensor:
        """
        Score spans, see `SpanScorer`; shape `(batch_size, num_spans)`, 0 for padding.

        `widths` are ignored.
        """
        scores = torch.zeros(mask.size(), device=mask.device)
        if mask.any():
            scores[mask] = score_in_chunks(
                lambda sequence, sequence_mask, spans, mask: self._span_extractor(
                    sequence, spans, sequence_mask=sequence_mask, span_indices_mask=mask
                ),
                lambda vectors: self._output(self._feedforward(vectors)),
                [embedded, embedded_mask],
                spans,
                mask,
                None if self.training else self._max_spans_per_chunk,
            ).squeeze(-1)
        return scores
