import random
from itertools import combinations

import numpy as np
import pytest

from sept_runtime.onnx.pairs import sentence_pairs, stretches


def test_like_a_loop_over_pairs() -> None:
    draw = random.Random(1)
    made = 0
    for _ in range(100):
        length = draw.randrange(1, 12)
        sentence_of = sorted(draw.choices(range(3), k=length))
        inside = [
            (start, end)
            for start in range(length)
            for end in range(start, length)
            if sentence_of[start] == sentence_of[end]
        ]
        spans = sorted(draw.sample(inside, k=draw.randrange(len(inside) + 1)))
        distance = draw.randrange(4)
        expected = [
            [first, second]
            for (first, (start, end)), (second, (other, _)) in combinations(enumerate(spans), 2)
            if sentence_of[start] == sentence_of[other] and other - end - 1 <= distance
        ]
        words = np.array(spans, np.int64).reshape(-1, 2)
        sentences = np.array(sentence_of)[words[:, 0]]
        assert sentence_pairs(words, sentences, distance).tolist() == expected
        made += len(expected)
    assert made > 100


def test_a_long_document_is_looked_at_in_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sept_runtime.onnx.pairs._POSITIONS_AT_ONCE", 10)
    positions = np.array([3, 3, 12, 13, 45, 46, 99])
    parts = [positions[part].tolist() for part in stretches(positions)]
    assert parts == [[3, 3, 12], [13], [45, 46], [99]]
    assert list(stretches(positions[:0])) == []
