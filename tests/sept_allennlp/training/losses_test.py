import pytest
import torch

from sept_allennlp.modules.candidate_spans import PADDING, enumerate_spans
from sept_allennlp.training.losses import mixed_targets, soft_targets

# Two words, then one; the second document has a word less.
SENTENCE_IDS = torch.tensor([[0, 0, 1], [0, 0, PADDING]])
# Of [0, 0], [0, 1], [1, 1] and, in the first document, [2, 2].
SPANS, MASK = enumerate_spans(SENTENCE_IDS, max_span_width=2)
NOTHING = [1.0, 0.0, 0.0]


def targets_of(soft: torch.Tensor, max_span_width: int = 2) -> torch.Tensor:
    spans, mask = enumerate_spans(SENTENCE_IDS, max_span_width)
    return soft_targets(spans, mask, soft, num_words=3, max_span_width=max_span_width)


def test_listed_spans_have_their_distribution_and_others_are_no_entity() -> None:
    soft = torch.tensor(
        [
            [[2.0, 2, 0.25, 0.5], [0, 1, 0.0, 0.125]],
            [[1, 1, 0.5, 0.5], [PADDING] * 4],
        ]
    )
    assert targets_of(soft).tolist() == [
        [NOTHING, [0.875, 0.0, 0.125], NOTHING, [0.25, 0.25, 0.5]],
        [NOTHING, NOTHING, [0.0, 0.5, 0.5], NOTHING],
    ]


def test_a_span_that_is_too_wide_is_ignored() -> None:
    soft = torch.tensor([[[0.0, 1, 0.0, 1.0]], [[PADDING] * 4]])
    assert targets_of(soft, max_span_width=1).tolist() == [[NOTHING] * 3] * 2


def test_without_listed_spans_nothing_is_an_entity() -> None:
    assert targets_of(torch.zeros(2, 0, 4)).tolist() == [[NOTHING] * 4] * 2


def test_rounded_probabilities_may_add_up_to_slightly_more_than_1() -> None:
    soft = torch.tensor([[[0.0, 0, 0.6, 0.4002]], [[PADDING] * 4]])
    first = targets_of(soft)[0, 0]
    assert first.tolist() == pytest.approx([0.0, 0.6 / 1.0002, 0.4002 / 1.0002])


def test_targets_of_gold_of_a_teacher_and_of_both() -> None:
    labels = torch.tensor([[2], [0], [1]])
    soft = torch.tensor([[[0.5, 0.25, 0.25]]] * 3)
    annotated, has_soft_labels = [True, False, True], [False, True, True]
    assert mixed_targets(labels, soft, annotated, has_soft_labels).tolist() == [
        [[0.0, 0.0, 1.0]],
        [[0.5, 0.25, 0.25]],
        [[0.25, 0.625, 0.125]],
    ]
