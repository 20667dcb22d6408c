"""Rows that have nothing to do with each other, made and scored some at a time."""

from typing import Callable, Iterator

import numpy as np

from sept_runtime.onnx.fields import FloatArray
from sept_runtime.onnx.graph import Graph

# So many rows are made and scored at once: they stay in the processor's cache.
_ROWS_AT_ONCE = 2048

# Takes which rows are asked for, and fills them in: an array of shape (number of them, dim).
Fill = Callable[[slice, FloatArray], None]


def parts(number: int) -> Iterator[slice]:
    """Cuts a number of rows into parts, in order."""
    for first in range(0, number, _ROWS_AT_ONCE):
        yield slice(first, min(first + _ROWS_AT_ONCE, number))


def score_rows(head: Graph, number: int, dim: int, num_scores: int, fill: Fill) -> FloatArray:
    """
    # Parameters

    head : `Graph`
        Of rows to scores, see `head_signature`.
    number : `int`
        Of rows.
    dim, num_scores : `int`
        Of a row.
    fill : `Fill`

    # Returns

    Shape `(number, num_scores)`.
    """
    scores = np.empty((number, num_scores), np.float32)
    step = head.rows_step
    size = min(number, _ROWS_AT_ONCE)
    # What a step has too many stands for nothing.
    rows = np.zeros((-(-size // step) * step, dim), np.float32)
    for part in parts(number):
        filled = part.stop - part.start
        fill(part, rows[:filled])
        scores[part] = head(pooled=rows[: -(-filled // step) * step])[:filled]
    return scores
