import itertools
from typing import List, Tuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sept_allennlp.models.baselines.bio import by_document, tag_gold, tag_names, tagged_spans
from sept_allennlp.modules.candidate_spans import PADDING

LABELS = ["Task", "Method"]
OUT, B_TASK, I_TASK, B_METHOD, I_METHOD = range(5)
NOTHING = [PADDING] * 3


def tags_of(*entities: List[int], num_words: int = 8) -> List[int]:
    gold = torch.tensor([list(entities) or [NOTHING]])
    return tag_gold(gold, num_words)[0].tolist()


def test_names_are_in_the_order_of_the_tags() -> None:
    names = tag_names(LABELS)
    assert names == ["O", "B-Task", "I-Task", "B-Method", "I-Method"]
    assert names[B_METHOD] == "B-Method" and names[I_TASK] == "I-Task"


def test_tags_by_hand() -> None:
    assert tags_of([1, 3, 0], [5, 5, 1]) == [OUT, B_TASK, I_TASK, I_TASK, OUT, B_METHOD, OUT, OUT]
    # Neighbors, of one label and of two.
    assert tags_of([0, 1, 0], [2, 3, 0], [4, 4, 1], num_words=5) == [
        *[B_TASK, I_TASK, B_TASK, I_TASK, B_METHOD]
    ]
    assert tags_of(num_words=3) == [OUT, OUT, OUT]


@pytest.mark.parametrize(
    "entities, kept",
    [
        # Nested: the outer one.
        ([[2, 2, 1], [1, 3, 0]], [[1, 3, 0]]),
        # Overlapping: the wider one; of two as wide the earlier.
        ([[0, 2, 0], [2, 5, 1]], [[2, 5, 1]]),
        ([[3, 5, 1], [1, 3, 0]], [[1, 3, 0]]),
        # The widest leaves room for one that only shared words with one that gave way.
        ([[0, 3, 0], [3, 5, 1], [5, 6, 0]], [[0, 3, 0], [5, 6, 0]]),
    ],
)
def test_one_of_overlapping_entities_is_tagged(
    entities: List[List[int]], kept: List[List[int]]
) -> None:
    for order in itertools.permutations(entities):
        assert tags_of(*order) == tags_of(*kept)


def test_padding_is_not_an_entity() -> None:
    gold = torch.tensor([[[0, 1, 0], NOTHING], [[2, 2, 1], [0, 0, 0]], [NOTHING, NOTHING]])
    assert tag_gold(gold, 3).tolist() == [
        [B_TASK, I_TASK, OUT],
        [B_TASK, OUT, B_METHOD],
        [OUT, OUT, OUT],
    ]
    assert tag_gold(torch.zeros(2, 0, 3, dtype=torch.long), 2).tolist() == [[OUT, OUT], [OUT, OUT]]
    assert tag_gold(torch.zeros(2, 0, 3, dtype=torch.long), 0).shape == (2, 0)


def test_spans_of_tags_by_hand() -> None:
    tags = torch.tensor(
        [
            [B_TASK, I_TASK, B_TASK, B_METHOD, I_METHOD],
            [OUT, OUT, OUT, OUT, OUT],
            [OUT, B_METHOD, OUT, OUT, B_TASK],
        ]
    )
    assert tagged_spans(tags).tolist() == [
        *([0, 0, 1, 0], [0, 2, 2, 0], [0, 3, 4, 1]),
        *([2, 1, 1, 1], [2, 4, 4, 0]),
    ]
    assert by_document(tagged_spans(tags), LABELS, 3) == [
        [(0, 1, "Task"), (2, 2, "Task"), (3, 4, "Method")],
        [],
        [(1, 1, "Method"), (4, 4, "Task")],
    ]
    assert tagged_spans(torch.zeros(2, 0, dtype=torch.long)).shape == (0, 4)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.integers(0, 1)), max_size=8))
def test_entities_that_share_no_word_come_back(gaps: List[Tuple[int, int, int]]) -> None:
    entities: List[List[int]] = []
    word = 0
    for gap, width, label in gaps:
        entities.append([word + gap, word + gap + width - 1, label])
        word += gap + width
    gold = torch.tensor([entities], dtype=torch.long).view(1, -1, 3)
    assert tagged_spans(tag_gold(gold, word))[:, 1:].tolist() == entities
