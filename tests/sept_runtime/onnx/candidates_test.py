import random
from itertools import combinations
from typing import List

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sept_runtime.documents import Document
from sept_runtime.onnx.candidates import enumerate_candidates, sentence_pairs

SENTENCE_LENGTHS = st.lists(st.integers(0, 5), max_size=4)


@given(lengths=st.lists(SENTENCE_LENGTHS, min_size=1, max_size=4), width=st.integers(1, 4))
def test_every_span_of_every_sentence(lengths: List[List[int]], width: int) -> None:
    documents = [
        Document(key="", sentences=[["w"] * length for length in document]) for document in lengths
    ]
    expected = []
    word = 0
    for index, document in enumerate(lengths):
        for length in document:
            expected += [
                (word + start, word + end, index)
                for start in range(length)
                for end in range(start, min(start + width, length))
            ]
            word += length
    candidates = enumerate_candidates(documents, width)
    found = zip(*(array.tolist() for array in candidates))
    assert list(found) == expected


def test_a_mask_selects_candidates() -> None:
    documents = [Document(key="", sentences=[["a", "b"]]), Document(key="", sentences=[["c"]])]
    candidates = enumerate_candidates(documents, 2)
    kept = candidates.where(candidates.ends == 1)
    assert [array.tolist() for array in kept] == [[0, 1], [1, 1], [0, 0]]


def test_pairs_are_those_of_a_loop_over_all_pairs() -> None:
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
