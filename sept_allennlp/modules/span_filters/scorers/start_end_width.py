import math
from typing import Tuple

import torch
from allennlp.common.checks import ConfigurationError

from sept_allennlp.modules.span_filters.scorers.span_scorer import SpanScorer


@SpanScorer.register("start_end_width")
class StartEndWidthScorer(SpanScorer):
    """
    Scores spans by their start, end and width.

    The score is the sum of one for the start, one for the end, one for the width, and one for the
    pair of start and end: the scalar product of two short vectors. No span is pooled, so the work
    is O(length × input_dim + spans × pair_dim).

    A few gated convolutions with residual connections (Gehring et al. 2017, section 3.2) give
    starts and ends their context, for embeddings that have none of their own.

    Registered as a `SpanScorer` with name "start_end_width".

    # Parameters

    input_dim : `int`
        The last dimension of the sequence.
    max_span_width : `int`
        In words.
    hidden_dim : `int`, optional (default = `128`)
    num_convolutions : `int`, optional (default = `2`)
        Each reads `kernel_size` positions; 0 for embeddings that have context.
    kernel_size : `int`, optional (default = `3`)
        Odd.
    pair_dim : `int`, optional (default = `32`)
        The dimension of the vectors whose scalar product scores the pair; 0 for no such score.
    dropout : `float`, optional (default = `0.2`)
        Before the projection and before each convolution.
    max_spans_per_chunk : `int`, optional (default = `65536`)
        In evaluation, the maximum number of candidates to score at once, which bounds the memory
        that a very long document takes.

    # Raises

    `ConfigurationError` for an even `kernel_size`.
    """

    def __init__(
        self,
        input_dim: int,
        max_span_width: int,
        hidden_dim: int = 128,
        num_convolutions: int = 2,
        kernel_size: int = 3,
        pair_dim: int = 32,
        dropout: float = 0.2,
        max_spans_per_chunk: int = 65536,
    ) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ConfigurationError(f"kernel_size must be odd, got {kernel_size}")
        self._dropout = torch.nn.Dropout(dropout)
        self._max_spans_per_chunk = max_spans_per_chunk
        self._projection = torch.nn.Linear(input_dim, hidden_dim)
        self._convolutions = torch.nn.ModuleList(
            torch.nn.Conv1d(hidden_dim, 2 * hidden_dim, kernel_size, padding=kernel_size // 2)
            for _ in range(num_convolutions)
        )
        # For starts and ends: a score, then the vector for the pair.
        self._start = torch.nn.Linear(hidden_dim, 1 + pair_dim)
        self._end = torch.nn.Linear(hidden_dim, 1 + pair_dim)
        self._width = torch.nn.Parameter(torch.zeros(max_span_width))

    def forward(
        self,
        embedded: torch.Tensor,
        embedded_mask: torch.Tensor,
        spans: torch.Tensor,
        widths: torch.Tensor,
        mask: torch.Tensor,
    ) -> torch.Tensor:
        """Score spans, see `SpanScorer`; shape `(batch_size, num_spans)`."""
        batch_size, length, _ = embedded.size()
        if not (length and mask.size(1)):
            return embedded.new_zeros(mask.size())
        start, end = self._ends(embedded, embedded_mask)

        rows = torch.arange(batch_size, device=spans.device).view(-1, 1, 1) * length
        # Shape: (batch_size, num_spans, 2)
        positions = spans.masked_fill(~mask.unsqueeze(-1), 0) + rows
        widths_minus_one = (widths - 1).masked_fill(~mask, 0)
        # Shape (each): (batch_size * sequence_length, 1 + pair_dim)
        starts, ends = start.flatten(0, 1), end.flatten(0, 1)
        at_once = mask.size(1) if self.training else max(self._max_spans_per_chunk // batch_size, 1)
        return torch.cat(
            [
                self._pair(starts, ends, part, part_widths)
                for part, part_widths in zip(
                    positions.split(at_once, dim=1), widths_minus_one.split(at_once, dim=1)
                )
            ],
            dim=1,
        )

    def _ends(
        self, embedded: torch.Tensor, embedded_mask: torch.Tensor
    ) -> Tuple[torch.Tensor, torch.Tensor]:
        """
        Return each position's score and vector as a start, and as an end.

        Shape (both): `(batch_size, sequence_length, 1 + pair_dim)`.
        """
        # Shape: (batch_size, hidden_dim, sequence_length)
        hidden = torch.relu(self._projection(self._dropout(embedded))).transpose(1, 2)
        # A convolution must read the same beyond a short document's end as beyond the batch's.
        there = embedded_mask.unsqueeze(1)
        hidden = hidden * there
        for convolution in self._convolutions:
            gated = torch.nn.functional.glu(convolution(self._dropout(hidden)), dim=1)
            hidden = (hidden + gated) * math.sqrt(0.5) * there
        hidden = hidden.transpose(1, 2)
        return self._start(hidden), self._end(hidden)

    def _pair(
        self,
        starts: torch.Tensor,
        ends: torch.Tensor,
        positions: torch.Tensor,
        widths_minus_one: torch.Tensor,
    ) -> torch.Tensor:
        """
        Score some of the spans; shape `(batch_size, num_spans)`.

        # Parameters

        starts, ends : `torch.FloatTensor`
            Shape `(batch_size * sequence_length, 1 + pair_dim)`.
        positions : `torch.LongTensor`
            Shape `(batch_size, num_spans, 2)`: rows of `starts` and of `ends`.
        widths_minus_one : `torch.LongTensor`
            Shape `(batch_size, num_spans)`.
        """
        # Shape (each): (batch_size, num_spans, 1 + pair_dim)
        start = torch.nn.functional.embedding(positions[..., 0], starts)
        end = torch.nn.functional.embedding(positions[..., 1], ends)
        together = (start[..., 1:] * end[..., 1:]).sum(dim=-1)
        return start[..., 0] + end[..., 0] + together + self._width[widths_minus_one]
