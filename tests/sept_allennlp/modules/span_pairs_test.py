import random
from itertools import product

import torch

from sept_allennlp.modules.candidate_spans import PADDING
from sept_allennlp.modules.span_pairs import label_pairs, select_pairs, sentence_pairs

# Two documents: words of two sentences; of one, and padding.
SENTENCE_IDS = torch.tensor([[0, 0, 0, 1, 1], [0, 0, PADDING, PADDING, PADDING]])
NOTHING = [PADDING, PADDING]
SPANS = torch.tensor([[[0, 0], [1, 2], [3, 4], [4, 4]], [[0, 1], [1, 1], NOTHING, NOTHING]])
MASK = SPANS[..., 0] != PADDING
# Both directions of each; the second ones' words overlap, which does not matter.
PAIRS = [
    {(0, 1), (1, 0), (2, 3), (3, 2)},
    {(0, 1), (1, 0)},
]


def test_pairs_of_one_sentence() -> None:
    together = sentence_pairs(SPANS, MASK, SENTENCE_IDS, 9)
    assert [{*map(tuple, row.nonzero().tolist())} for row in together] == PAIRS


def test_pairs_are_packed_in_order() -> None:
    pairs, mask = select_pairs(sentence_pairs(SPANS, MASK, SENTENCE_IDS, 9))
    assert mask.tolist() == [[True] * 4, [True, True, False, False]]
    assert pairs.tolist() == [
        [[0, 1], [1, 0], [2, 3], [3, 2]],
        [[0, 1], [1, 0], NOTHING, NOTHING],
    ]
    nothing, no_mask = select_pairs(torch.zeros(2, 0, 0, dtype=torch.bool))
    assert nothing.shape == (2, 0, 2)
    assert no_mask.shape == (2, 0)


def test_labels_of_pairs() -> None:
    padding = [PADDING] * 5
    relations = torch.tensor(
        [
            # From the first to the second, twice; without direction; to a span that is not there.
            [[0, 0, 1, 2, 0], [0, 0, 1, 2, 2], [4, 4, 3, 4, 1], [0, 0, 2, 2, 0]],
            [[1, 1, 0, 1, 2], padding, padding, padding],
        ]
    )
    labels = label_pairs(SPANS, MASK, relations, torch.tensor([False, True, False]))
    assert {*map(tuple, labels.nonzero().tolist())} == {
        (0, 0, 1, 0),
        (0, 0, 1, 2),
        (0, 3, 2, 1),
        (0, 2, 3, 1),
        (1, 1, 0, 2),
    }


def test_no_spans_and_no_relations() -> None:
    no_spans, no_mask = SPANS[:, :0], MASK[:, :0]
    relations = torch.tensor([[[0, 0, 1, 2, 0]], [[PADDING] * 5]])
    symmetric = torch.tensor([False])
    assert label_pairs(no_spans, no_mask, relations, symmetric).shape == (2, 0, 0, 1)
    assert not label_pairs(SPANS, MASK, relations[:, :0], symmetric).any()
    assert sentence_pairs(no_spans, no_mask, SENTENCE_IDS, 9).shape == (2, 0, 0)
    assert not sentence_pairs(SPANS, torch.zeros_like(MASK), SENTENCE_IDS[:, :0], 9).any()


def test_equals_a_loop_over_pairs() -> None:
    generator = random.Random(1)
    for _ in range(50):
        sentence_ids = sorted(generator.choices(range(3), k=6))
        inside = [
            (start, end)
            for start, end in product(range(6), repeat=2)
            if start <= end and sentence_ids[start] == sentence_ids[end]
        ]
        distance = generator.randrange(3)
        spans = sorted(generator.sample(inside, k=4))
        relations = [
            (*head, *tail, generator.randrange(3))
            for head, tail in product(inside, repeat=2)
            if head != tail and generator.random() < 0.1
        ] or [(0, 0, 0, 0, 0)]
        expected_pairs, expected_labels = set(), set()
        for (i, head), (j, tail) in product(enumerate(spans), repeat=2):
            between = max(head[0], tail[0]) - min(head[1], tail[1]) - 1
            together = sentence_ids[head[0]] == sentence_ids[tail[0]]
            if i != j and together and between <= distance:
                expected_pairs.add((i, j))
            for label in range(3):
                holds = (*head, *tail, label) in relations
                reversed_ = label == 2 and (*tail, *head, label) in relations
                if holds or reversed_:
                    expected_labels.add((i, j, label))
        mask = torch.ones(1, 4, dtype=torch.bool)
        found = sentence_pairs(torch.tensor([spans]), mask, torch.tensor([sentence_ids]), distance)
        assert {*map(tuple, found[0].nonzero().tolist())} == expected_pairs
        labels = label_pairs(
            torch.tensor([spans]),
            mask,
            torch.tensor([relations]),
            torch.tensor([False, False, True]),
        )
        assert {*map(tuple, labels[0].nonzero().tolist())} == expected_labels
