import math

import numpy as np
import pytest

from sept_runtime.calibration import THRESHOLD_STEPS, Calibration
from sept_runtime.decoding import RelationDecoding, ScoredPairs, decode
from sept_runtime.documents import ScoredRelation
from sept_runtime.options import Decoding


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_the_log_odds_are_divided_by_the_temperature_and_shifted_by_the_bias() -> None:
    # The log-odds of 0.8 are log 4, those of 0.5 are 0.
    found = Calibration(2.0, -1.0)(np.array([0.8, 0.5]))
    assert found.tolist() == pytest.approx([sigmoid(math.log(4) / 2 - 1), sigmoid(-1)])


def test_without_a_calibration_scores_stay_as_they_are() -> None:
    scores = np.array([0.0, 0.3, 1.0], np.float32)
    assert Calibration()(scores) is scores


def test_scores_of_0_and_1_stay_finite_and_in_order() -> None:
    found = Calibration(4.0, -0.5)(np.array([0.0, 1e-9, 0.5, 1 - 1e-9, 1.0]))
    assert (np.diff(found) >= 0).all() and 0 < found[0] < found[2] < found[-1] < 1


def test_a_threshold_of_0_keeps_everything() -> None:
    assert Calibration(1.0, 3.0).threshold(0.0) == 0.0
    assert Calibration(1.0, -1.0).threshold(0.5) == pytest.approx(sigmoid(-1))


def curve() -> Calibration:
    """Four predictions, right at 0.9, 0.7 and 0.2 and wrong at 0.4, of five annotated entities."""
    thresholds = np.arange(THRESHOLD_STEPS + 1) / THRESHOLD_STEPS
    right = sum((np.array(score) >= thresholds).astype(int) for score in (0.9, 0.7, 0.2))
    predicted = right + (np.array(0.4) >= thresholds)
    return Calibration(right=right.tolist(), predicted=predicted.tolist(), gold=5)


def test_the_best_threshold_is_half_of_the_highest_f1() -> None:
    # Of the predictions down to 0.2, 3 of 4 are right, 3 of 5 are found: F1 is 6 / 9. Down to 0.7,
    # 2 of 2 and 2 of 5: 4 / 7.
    assert curve().best_threshold() == pytest.approx(6 / 9 / 2)
    assert Calibration().best_threshold() == 0.0


@pytest.mark.parametrize(
    "options, expected",
    [
        # Down to 0, three of four are right.
        ({"min_precision": 0.75}, 0.0),
        # Above 0.4 all are right.
        ({"min_precision": 0.76}, 0.405),
        ({"min_precision": 1.0}, 0.405),
        ({"min_recall": 0.2}, 0.9),
        ({"min_recall": 0.21}, 0.7),
        ({"min_recall": 0.6}, 0.2),
    ],
)
def test_the_threshold_that_a_precision_or_a_recall_takes(options, expected) -> None:
    assert curve().min_score(**options) == pytest.approx(expected)


@pytest.mark.parametrize(
    "calibration, options, message",
    [
        (curve(), {}, "give either min_precision or min_recall"),
        (curve(), {"min_precision": 0.5, "min_recall": 0.5}, "give either"),
        (curve(), {"min_recall": 0.9}, "min_recall must be at most 0.6, the highest .* got 0.9"),
        (Calibration(), {"min_precision": 0.5}, "min_precision needs a calibrated model"),
    ],
)
def test_an_unreachable_precision_or_recall_is_refused(calibration, options, message) -> None:
    with pytest.raises(ValueError, match=message):
        calibration.min_score(**options)


def test_entities_have_calibrated_scores_and_stay_the_same() -> None:
    probabilities = np.array([[0.1, 0.8, 0.1], [0.3, 0.2, 0.5], [0.9, 0.05, 0.05]])
    spans = np.array([[0, 0], [1, 2], [3, 3]])
    calibration = Calibration(2.0, -1.0)
    scores = [sigmoid(math.log(4) / 2 - 1), sigmoid(-1)]
    entities = decode(probabilities, spans, ["A", "B"], Decoding(top_labels=1), calibration)
    assert [entity[:3] for entity in entities] == [(0, 0, "A"), (1, 2, "B")]
    assert [entity.score for entity in entities] == pytest.approx(scores)
    assert entities[0].labels == (("A", entities[0].score),)
    # A threshold applies to the calibrated scores.
    least = Decoding(min_score=0.3)
    assert len(decode(probabilities, spans, ["A", "B"], least, calibration)) == 1


def test_relations_are_found_by_the_score_before_its_calibration() -> None:
    scored = ScoredPairs(np.array([[0, 1]]), np.array([[[0.8], [0.5]]]))
    decoding = RelationDecoding(["R"], (), 0.5, Calibration(2.0, -1.0))
    first, second = ScoredRelation(0, 1, "R"), ScoredRelation(1, 0, "R")
    found = decoding.decode(scored)
    assert [relation[:3] for relation in found] == [first[:3], second[:3]]
    scores = [sigmoid(math.log(4) / 2 - 1), sigmoid(-1)]
    assert [relation.score for relation in found] == pytest.approx(scores)
    assert len(decoding.decode(scored, 0.3)) == 1
