"""Heads get the documents' spans and pairs in parts, whatever their size, each row exactly once."""

import random
from itertools import accumulate, combinations
from typing import Any, List

import numpy as np
import pytest

from sept_runtime.onnx import heads
from sept_runtime.onnx.heads import Spans, score_pairs, score_spans


class SpanHead:
    """Scores a span by its vectors' sum, its width in words, and the vector before it."""

    dim = 3

    def __init__(self, length_step: int, rows_step: int) -> None:
        self.length_step = length_step
        self.rows_step = rows_step
        self.calls = 0

    def __call__(
        self, vectors: Any, lengths: Any, spans: Any, widths: Any, rows: Any
    ) -> "np.ndarray[Any, Any]":
        self.calls += 1
        assert vectors.shape[1] % self.length_step == 0 or len(vectors) == 1
        assert spans.shape[1] % self.rows_step == 0 and len(rows) % self.rows_step == 0
        assert lengths.max() <= vectors.shape[1]
        scores = []
        for row in rows:
            document, index = divmod(int(row), spans.shape[1])
            start, end = spans[document, index]
            before = vectors[document, start - 1, 0] if start else -1.0
            total = vectors[document, start : end + 1, 0].sum()
            scores.append([total, widths[document, index], before])
        return np.array(scores, np.float32)


class PairHead(SpanHead):
    """Scores a pair by its heads' first vector, its tails' last one, and the words between."""

    def __call__(  # type: ignore[override]
        self, vectors: Any, lengths: Any, spans: Any, words: Any, pairs: Any, rows: Any
    ) -> "np.ndarray[Any, Any]":
        self.calls += 1
        scores = []
        for row in rows:
            document, index = divmod(int(row), pairs.shape[1])
            head, tail = pairs[document, index]
            first = vectors[document, spans[document, head, 0], 0]
            last = vectors[document, spans[document, tail, 1], 0]
            scores.append([first, last, words[document, tail, 0] - words[document, head, 1]])
        return np.array(scores, np.float32)


def batch(draw: random.Random) -> Any:
    """Make documents whose words have two pieces each, and some of their spans."""
    lengths = [draw.choice([1, 2, 5, 9, 30]) for _ in range(draw.randint(1, 5))]
    words: List[Any] = []
    counts = [0]
    for first, length in zip(accumulate([0, *lengths]), lengths):
        spans = [(s, e) for s in range(length) for e in range(s, min(s + 4, length))]
        chosen = sorted(draw.sample(spans, draw.randint(0, len(spans))))
        words += [(first + start, first + end) for start, end in chosen]
        counts.append(len(words))
    array = np.array(words, np.int64).reshape(-1, 2)
    positions = np.stack([2 * array[:, 0], 2 * array[:, 1] + 1], axis=1)
    borders = 2 * np.cumsum([0, *lengths])
    vectors = np.arange(1.0, 1 + borders[-1], dtype=np.float32)[:, None]
    return vectors, borders, Spans(positions, array, np.array(counts))


@pytest.mark.parametrize("steps", [(1, 1), (8, 16)])
@pytest.mark.parametrize("max_rows", [1, 7, 2048])
def test_spans(steps: Any, max_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "_MAX_ROWS", max_rows)
    draw = random.Random(1)
    for _ in range(30):
        vectors, borders, spans = batch(draw)
        expected = []
        for (start, end), (first, last) in zip(spans.positions.tolist(), spans.words.tolist()):
            # The vector of position i is i + 1.
            total = sum(range(start + 1, end + 2))
            expected.append([total, last - first + 1, -1 if start in borders else start])
        head: Any = SpanHead(*steps)
        scores = score_spans(head, vectors, borders, spans)
        assert scores.shape == (len(expected), 3)
        assert scores.tolist() == expected
        assert head.calls <= len(expected)


@pytest.mark.parametrize("steps", [(1, 1), (8, 16)])
@pytest.mark.parametrize("max_rows", [1, 7, 2048])
def test_pairs(steps: Any, max_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "_MAX_ROWS", max_rows)
    draw = random.Random(2)
    for _ in range(30):
        vectors, borders, spans = batch(draw)
        counts = spans.borders.tolist()
        pairs = [
            pair
            for first, end in zip(counts, counts[1:])
            for pair in combinations(range(first, end), 2)
            if draw.random() < 0.3
        ]
        expected = []
        for both in pairs:
            ways = (both, both[::-1])
            expected.append(
                [
                    [
                        spans.positions[head, 0] + 1,
                        spans.positions[tail, 1] + 1,
                        spans.words[tail, 0] - spans.words[head, 1],
                    ]
                    for head, tail in ways
                ]
            )
        head: Any = PairHead(*steps)
        array = np.array(pairs, np.int64).reshape(-1, 2)
        scores = score_pairs(head, vectors, borders, spans, array)
        assert scores.shape == (len(pairs), 2, 3)
        assert scores.tolist() == expected
