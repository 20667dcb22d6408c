from typing import Any, Iterator, Optional, Tuple

import torch
from allennlp.modules.span_extractors import SpanExtractor
from torch.autograd.function import once_differentiable

from sept_allennlp.modules.span_extractors.padded_spans import PaddedSpansExtractor, widest

# In an exported model, spans of up to 1,023 positions are exact; of wider ones, the maximum is over
# the first and the last 512 positions.
_EXPORTED_LEVELS = 10


@SpanExtractor.register("max_pool")
class MaxPoolSpanExtractor(PaddedSpansExtractor):
    """
    The element-wise maximum over the embeddings inside each span (paper, Eq. (1)).

    The maximum over a span of any width is the larger of two maxima over windows whose width is a
    power of two: one that starts where the span starts, and one that ends where it ends. So a table
    of the windows' maxima, in which each level is made from the one before, and two look-ups for
    each span suffice: time and memory are O((length × log2 width + spans) × dim), where a direct
    maximum (AllenNLP's `max_pooling`) holds (spans × width × dim).

    If several positions hold the maximum, they share the gradient.

    Registered as a `SpanExtractor` with name "max_pool".

    # Parameters

    input_dim : `int`
        The last dimension of the sequence, and of the result.
    """

    def __init__(self, input_dim: int) -> None:
        super().__init__(input_dim, input_dim)

    def extract(
        self,
        sequence_tensor: torch.Tensor,
        span_indices: torch.Tensor,
        sequence_mask: Optional[torch.Tensor],
    ) -> torch.Tensor:
        """
        Return the maxima, of shape `(batch_size * num_spans, input_dim)`; the mask is ignored.

        # Raises

        `ValueError` for a span, other than padding, that is reversed or reaches outside the
        sequence.
        """
        batch_size, length, dim = sequence_tensor.size()
        # Shape (each): (batch_size, num_spans)
        starts, ends = span_indices.unbind(-1)
        if torch.compiler.is_exporting():
            # A graph cannot look at the widths, so it has a fixed number of levels.
            num_levels = _EXPORTED_LEVELS
        else:
            num_levels = widest(starts, ends, length).bit_length()

        # Level k holds at position i the maximum over positions i to i + 2^k - 1, as far as the
        # sequence goes.
        table = [sequence_tensor]
        for level in range(1, num_levels):
            table.append(_double_windows(table[-1], 2 ** (level - 1)))
        # Shape: (levels * batch_size * sequence_length, dim)
        flat_table = torch.stack(table).view(-1, dim)

        # Shape (each): (batch_size, num_spans)
        sizes = 2 ** torch.arange(num_levels, device=starts.device)
        levels = ((ends - starts + 1).unsqueeze(-1) >= sizes[1:]).sum(dim=-1)
        rows = torch.arange(batch_size, device=starts.device).unsqueeze(1)
        level_starts = (levels * batch_size + rows) * length
        right_starts = ends + 1 - sizes[levels]
        left, right = (level_starts + starts).flatten(), (level_starts + right_starts).flatten()
        if torch.compiler.is_exporting():
            return torch.maximum(
                flat_table.index_select(0, left), flat_table.index_select(0, right)
            )
        return _MaximumOfRows.apply(flat_table, left, right)


def _double_windows(level: torch.Tensor, half: int) -> torch.Tensor:
    """Return the maxima over windows of `2 * half` positions from those over `half`."""
    if torch.compiler.is_exporting():
        # Slices would limit the lengths of sequences that a graph takes.
        positions = (torch.arange(level.size(1)) + half).clamp(max=level.size(1) - 1)
        return torch.maximum(level, level.index_select(1, positions))
    return torch.cat([torch.maximum(level[:, :-half], level[:, half:]), level[:, -half:]], dim=1)


class _MaximumOfRows(torch.autograd.Function):
    """
    The element-wise maximum of two rows of a table, for each pair of row numbers.

    This is `torch.maximum` of two `index_select`, gradient included, done in parts: on a CPU
    the rows then stay in the cache, which is several times as fast, and only the result takes
    memory.

    The table has shape `(number of rows, dim)`, the row numbers have shape `(number of pairs,)`,
    the result `(number of pairs, dim)`.
    """

    @staticmethod
    def forward(
        ctx: Any, table: torch.Tensor, left: torch.Tensor, right: torch.Tensor
    ) -> torch.Tensor:
        ctx.save_for_backward(table, left, right)
        # Shape: (number of pairs, dim)
        result = table.new_empty(left.size(0), table.size(1))
        for left_part, right_part, out in _in_parts(left, right, result):
            torch.maximum(
                table.index_select(0, left_part), table.index_select(0, right_part), out=out
            )
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Tuple[torch.Tensor, None, None]:
        table, left, right = ctx.saved_tensors
        table_gradient = torch.zeros_like(table)
        for left_part, right_part, part in _in_parts(left, right, gradient):
            left_rows = table.index_select(0, left_part)
            right_rows = table.index_select(0, right_part)
            # 1 where the left row has the maximum, 0 where the right one has it, 1/2 for both.
            share = (left_rows >= right_rows).to(part.dtype).add_(left_rows > right_rows).mul_(0.5)
            left_gradient = part * share
            table_gradient.index_add_(0, left_part, left_gradient)
            table_gradient.index_add_(0, right_part, part - left_gradient)
        return table_gradient, None, None


def _in_parts(*tensors: torch.Tensor) -> Iterator[Tuple[torch.Tensor, ...]]:
    """Split tensors of shape `(number of pairs, ...)` into parts of a few hundred rows."""
    # A GPU is faster with all rows at once.
    rows = 512 if tensors[0].device.type == "cpu" else tensors[0].size(0)
    return zip(*(tensor.split(rows) for tensor in tensors))
