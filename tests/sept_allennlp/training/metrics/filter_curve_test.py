import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sept_allennlp.training.metrics.filter_curve import FilterCurve
from tests.two_processes import run_in_two_processes

# Log-odds of five candidates, two of them entities; a third entity is no candidate.
SCORES = torch.tensor([2.0, -1.0, 0.0, -3.0, 1.0])
POSITIVE = torch.tensor([True, False, True, False, False])


def counted() -> FilterCurve:
    curve = FilterCurve()
    curve(SCORES[:2], POSITIVE[:2], 2)
    curve(SCORES[2:], POSITIVE[2:], 1)
    return curve


@pytest.mark.parametrize(
    "threshold, recall, filtration_rate",
    [
        (-math.inf, 2 / 3, 0.0),
        (-3.0, 2 / 3, 0.0),
        (-2.0, 2 / 3, 1 / 3),
        (0.0, 2 / 3, 2 / 3),
        (0.5, 1 / 3, 2 / 3),
        (2.0, 1 / 3, 1.0),
        (math.inf, 0.0, 1.0),
    ],
)
def test_recall_and_filtration_rate_by_hand(threshold, recall, filtration_rate):
    metrics = counted().get_metric(logit=threshold)
    assert metrics["recall"] == pytest.approx(recall)
    assert metrics["filtration_rate"] == pytest.approx(filtration_rate)


def test_the_threshold_for_a_recall_counts_gold_outside_the_candidates():
    curve = counted()
    thresholds = curve.scores_for_recalls([0.0, 1 / 3, 0.34, 2 / 3, 0.67])
    assert thresholds == [math.inf, 2.0, 0.0, 0.0, -math.inf]
    assert curve.get_metric()["filtration_rate_at_99_recall"] == 0.0


def test_points_of_the_curve_are_at_probabilities():
    low, high = counted().curve([0.25, 0.6])
    # 0.25 is log-odds of -1.1, 0.6 of 0.4.
    assert (low.threshold, low.recall, low.filtration_rate) == pytest.approx((0.25, 2 / 3, 1 / 3))
    assert (high.threshold, high.recall, high.filtration_rate) == pytest.approx((0.6, 1 / 3, 2 / 3))


@given(
    st.lists(st.tuples(st.integers(-5, 5), st.booleans()), max_size=30),
    st.integers(0, 3),
    st.integers(0, 100),
)
def test_no_higher_threshold_has_the_recall(candidates, num_unreachable, percent):
    curve = FilterCurve()
    scores = torch.tensor([float(score) for score, _ in candidates])
    positive = torch.tensor([entity for _, entity in candidates], dtype=torch.bool)
    num_gold = int(positive.sum()) + num_unreachable
    curve(scores, positive, num_gold)
    (found,) = curve.scores_for_recalls([percent / 100])

    def has_it(threshold: float) -> bool:
        passed = sum(entity and score >= threshold for score, entity in candidates)
        return 100 * passed >= percent * num_gold

    possible = [t for t in (math.inf, *range(5, -6, -1)) if has_it(t)]
    assert found == (possible[0] if possible else -math.inf)


def test_nothing_counted_and_reset():
    empty = {"recall": 0.0, "filtration_rate": 0.0, "filtration_rate_at_99_recall": 0.0}
    assert FilterCurve().get_metric() == empty
    curve = counted()
    curve.get_metric(reset=True)
    assert curve.get_metric() == empty


def check_in_two_processes(global_rank: int, world_size: int, gpu_id: int) -> None:
    curve = FilterCurve()
    if global_rank == 0:
        curve(SCORES[:4], POSITIVE[:4], 1)
    else:
        curve(SCORES[4:], POSITIVE[4:], 2)
    for _ in range(2):
        metrics = curve.get_metric(logit=0.5)
        assert metrics["recall"] == pytest.approx(1 / 3)
        assert metrics["filtration_rate"] == pytest.approx(2 / 3)
    assert curve.scores_for_recalls([0.5]) == [0.0]


def test_scores_of_two_processes_are_brought_together():
    run_in_two_processes(check_in_two_processes)
