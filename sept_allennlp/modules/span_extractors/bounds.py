"""What extractors check of the spans that they are given."""

import torch


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
