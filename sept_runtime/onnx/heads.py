"""Run the graphs that score spans and pairs: a few documents, or a part of one, at once."""

from typing import Dict, Iterator, List, NamedTuple, Sequence

import numpy as np

from sept_runtime.onnx.graph import FloatArray, Graph, Indices

# The most spans, or directions of pairs, to score in one call. Their vectors stay in the caches.
_MAX_ROWS = 2048
# The most positions, padding included, to score in one call. A pooling may need several times the
# memory of the vectors: max pooling holds a table of windows of ten widths.
_MAX_POSITIONS = 512


class Spans(NamedTuple):
    """
    Spans of a batch of documents, in the order of the documents and then of their starts.

    # Parameters

    positions, words : `Indices`
        Shape `(num_spans, 2)`: first and last position in the encoder's vectors, and first and last
        word, all inclusive and counted over the whole batch.
    borders : `Indices`
        Shape `(num_documents + 1,)`: the index of each document's first span, and the number of
        spans.
    """

    positions: Indices
    words: Indices
    borders: Indices


class _Part(NamedTuple):
    """
    Rows of one document to score together, and the spans and positions that they need.

    # Parameters

    first, end : `int`
        The positions, from the first to the one before `end`.
    spans, rows : `slice`
        With a start and a stop.
    """

    first: int
    end: int
    spans: slice
    rows: slice


def score_spans(head: Graph, vectors: FloatArray, borders: Indices, spans: Spans) -> FloatArray:
    """
    Score spans.

    # Parameters

    head : `Graph`
        With a `span_head_signature`.
    vectors : `FloatArray`
        Shape `(num_positions, dim)`: the encoder's vectors, document by document.
    borders : `Indices`
        Shape `(num_documents + 1,)`: each document's first position, and the number of positions.
    spans : `Spans`

    # Returns

    Shape `(num_spans, num_scores)`.
    """
    widths = spans.words[:, 1] - spans.words[:, 0] + 1
    indices = np.arange(len(widths))
    parts = _parts(spans.borders, spans, indices, indices, borders, _MAX_ROWS)
    scores: List[FloatArray] = []
    for group in _groups(parts, _MAX_ROWS):
        inputs = _inputs(head, vectors, spans, group)
        inputs["widths"] = _padded([widths[part.spans] for part in group], inputs["spans"].shape[1])
        scores.append(_run(head, inputs, group, inputs["spans"].shape[1]))
    return np.concatenate(scores) if scores else _nothing(head)


def score_pairs(
    head: Graph, vectors: FloatArray, borders: Indices, spans: Spans, pairs: Indices
) -> FloatArray:
    """
    Score pairs of spans in both directions.

    # Parameters

    head : `Graph`
        With a `pair_head_signature`.
    vectors, borders, spans :
        As for `score_spans`.
    pairs : `Indices`
        Shape `(num_pairs, 2)`: head and tail as indices of spans of one document, head first, in
        order.

    # Returns

    Shape `(num_pairs, 2, num_scores)`: head to tail, and tail to head.
    """
    row_borders = np.searchsorted(pairs[:, 0], spans.borders)
    # The last span that any pair up to this one needs.
    lasts = np.maximum.accumulate(pairs[:, 1])
    scores: List[FloatArray] = []
    # Each pair is scored in two directions.
    max_rows = max(_MAX_ROWS // 2, 1)
    parts = _parts(row_borders, spans, pairs[:, 0], lasts, borders, max_rows)
    for group in _groups(parts, max_rows):
        inputs = _inputs(head, vectors, spans, group)
        num_spans = inputs["spans"].shape[1]
        first_words = [spans.words[part.spans.start, 0] for part in group]
        words = [spans.words[part.spans] - first for part, first in zip(group, first_words)]
        one_way = [pairs[part.rows] - part.spans.start for part in group]
        # Both directions of each pair, one after the other.
        both_ways = [np.stack([p, p[:, ::-1]], axis=1).reshape(-1, 2) for p in one_way]
        num_pairs = _rounded(max(map(len, both_ways)), head.rows_step)
        inputs["words"] = _padded(words, num_spans)
        inputs["pairs"] = _padded(both_ways, num_pairs)
        scores.append(_run(head, inputs, group, num_pairs, per_row=2))
    found = np.concatenate(scores) if scores else _nothing(head)
    return found.reshape(len(pairs), 2, head.dim)


def _parts(
    row_borders: Indices,
    spans: Spans,
    firsts: Indices,
    lasts: Indices,
    borders: Indices,
    max_rows: int,
) -> Iterator[_Part]:
    """
    Cut each document's rows into parts.

    `firsts` and `lasts`, of shape `(num_rows,)`, are each row's first span, in order, and the last
    span that it or a row before it needs.
    """
    for first_row, end_row, first, end in zip(
        row_borders[:-1].tolist(), row_borders[1:].tolist(), borders.tolist(), borders[1:].tolist()
    ):
        if end_row - first_row <= max_rows:
            if end_row > first_row:
                needed = slice(int(firsts[first_row]), int(lasts[end_row - 1]) + 1)
                yield _Part(first, end, needed, slice(first_row, end_row))
            continue
        for start in range(first_row, end_row, max_rows):
            rows = slice(start, min(start + max_rows, end_row))
            needed = slice(int(firsts[rows.start]), int(lasts[rows.stop - 1]) + 1)
            # One position more on both sides: some extractors read the neighbors of a span.
            left = max(int(spans.positions[needed.start, 0]) - 1, first)
            right = min(int(spans.positions[needed, 1].max()) + 2, end)
            yield _Part(left, right, needed, rows)


def _groups(parts: Iterator[_Part], max_rows: int) -> Iterator[List[_Part]]:
    """Group parts that are scored in one call, padded to the largest of them."""
    group: List[_Part] = []
    rows, positions = 0, 0
    for part in parts:
        size, length = part.rows.stop - part.rows.start, part.end - part.first
        number = len(group) + 1
        too_many_rows = number * max(rows, size) > max_rows
        if group and (too_many_rows or number * max(positions, length) > _MAX_POSITIONS):
            yield group
            group, rows, positions = [], 0, 0
        group.append(part)
        rows, positions = max(rows, size), max(positions, length)
    if group:
        yield group


def _inputs(
    head: Graph, vectors: FloatArray, spans: Spans, group: Sequence[_Part]
) -> Dict[str, "FloatArray | Indices"]:
    """Make the inputs `vectors`, `lengths` and `spans`."""
    lengths = [part.end - part.first for part in group]
    length = _rounded(max(lengths), head.length_step)
    if len(group) == 1 and length == lengths[0]:
        stacked = vectors[None, group[0].first : group[0].end]
    else:
        stacked = np.zeros((len(group), length, vectors.shape[1]), np.float32)
        for row, part in zip(stacked, group):
            row[: part.end - part.first] = vectors[part.first : part.end]
    positions = [spans.positions[part.spans] - part.first for part in group]
    num_spans = _rounded(max(map(len, positions)), head.rows_step)
    return {
        "vectors": stacked,
        "lengths": np.array(lengths, np.int64),
        "spans": _padded(positions, num_spans),
    }


def _run(
    head: Graph,
    inputs: Dict[str, "FloatArray | Indices"],
    group: Sequence[_Part],
    padded_size: int,
    per_row: int = 1,
) -> FloatArray:
    """Score the rows of a group, whose number was padded to `padded_size` for each part."""
    counts = [per_row * (part.rows.stop - part.rows.start) for part in group]
    rows = [np.arange(count) + index * padded_size for index, count in enumerate(counts)]
    number = sum(counts)
    inputs["rows"] = np.zeros(_rounded(number, head.rows_step), np.int64)
    inputs["rows"][:number] = np.concatenate(rows)
    return head(**inputs)[:number]


def _padded(arrays: Sequence[Indices], length: int) -> Indices:
    """Stack arrays padded with zeros to a length: shape `(number of arrays, length, ...)`."""
    stacked = np.zeros((len(arrays), length, *arrays[0].shape[1:]), np.int64)
    for row, array in zip(stacked, arrays):
        row[: len(array)] = array
    return stacked


def _rounded(number: int, step: int) -> int:
    return -(-number // step) * step


def _nothing(head: Graph) -> FloatArray:
    return np.empty((0, head.dim), np.float32)
