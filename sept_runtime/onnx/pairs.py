"""Pairs of a batch's spans, in numpy: no Python object per pair."""

from typing import Iterator

import numpy as np

from sept_runtime.onnx.fields import Indices

# So many positions of the sequence are looked at at once, which bounds the memory that a very long
# document takes.
_POSITIONS_AT_ONCE = 4096


def sentence_pairs(words: Indices, sentences: Indices, max_distance: int) -> Indices:
    """
    Each two spans that lie in one sentence, and not too far apart.

    # Parameters

    words : `Indices`
        Shape `(num_spans, 2)`: first and last word, counted over the whole batch, in order.
    sentences : `Indices`
        Shape `(num_spans,)`: the sentence that each is in, counted so, too.
    max_distance : `int`
        How many words may lie between the two.

    # Returns

    Shape `(num_pairs, 2)`: places among the spans, the one that comes first and the other, in
    order.
    """
    places = np.arange(len(words))
    # In order of their starts, those to pair one with follow it without a gap.
    last_start = words[:, 1] + 1 + max_distance
    ends = np.minimum(
        np.searchsorted(sentences, sentences, side="right"),
        np.searchsorted(words[:, 0], last_start, side="right"),
    )
    counts = ends - places - 1
    firsts = np.repeat(places, counts)
    steps = np.arange(len(firsts)) - np.repeat(counts.cumsum() - counts, counts)
    return np.stack([firsts, firsts + 1 + steps], axis=1)


def stretches(positions: Indices) -> Iterator[slice]:
    """
    Cuts a list into parts, in order, each of which lies within a bounded stretch of a sequence.

    # Parameters

    positions : `Indices`
        Shape `(length of the list,)`: where each lies, in order.
    """
    if not len(positions):
        return
    limits = np.arange(positions[0], positions[-1] + 1, _POSITIONS_AT_ONCE)
    borders = [*np.searchsorted(positions, limits).tolist(), len(positions)]
    for first, end in zip(borders, borders[1:]):
        if first < end:
            yield slice(first, end)
