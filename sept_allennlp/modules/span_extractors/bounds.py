"""What extractors check of the spans that they are given, and how padding is told."""

from typing import Optional, Tuple

import torch


def without_padding(
    span_indices: torch.Tensor, span_indices_mask: Optional[torch.Tensor]
) -> Tuple[torch.Tensor, torch.Tensor]:
    """
    The spans with padded ones looking at the first position, and which are not padded: by the mask,
    or where there is no mask by a start that is not negative.

    # Parameters

    span_indices : `torch.LongTensor`
        Shape `(batch_size, num_spans, 2)`.
    span_indices_mask : `torch.BoolTensor`, optional
        Shape `(batch_size, num_spans)`.
    """
    if span_indices_mask is None:
        span_indices_mask = span_indices[..., 0] >= 0
    return span_indices.masked_fill(~span_indices_mask.unsqueeze(-1), 0), span_indices_mask


def widest(starts: torch.Tensor, ends: torch.Tensor, length: int) -> int:
    """
    The width of the widest of some spans.

    # Parameters

    starts, ends : `torch.LongTensor`
        Of one shape, not empty: first and last positions, both inclusive.
    length : `int`
        Of the sequence.

    # Raises

    `ValueError` for a span that is reversed or reaches outside the sequence.
    """
    widths = ends - starts + 1
    # One transfer from the device for all four, not four.
    narrowest, first, last, largest = torch.stack(
        [widths.min(), starts.min(), ends.max(), widths.max()]
    ).tolist()
    if narrowest < 1 or first < 0 or last >= length:
        raise ValueError(
            f"spans must lie inside the sequence of {length} positions and end no earlier "
            f"than they start; found starts from {first}, ends to {last}, and a width of "
            f"{narrowest}"
        )
    return largest
