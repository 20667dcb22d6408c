from typing import Any

import pytest

from sept_allennlp.training.metrics import CalibrationError
from sept_runtime.documents import (
    AnnotatedRelation,
    AnnotatedSpan,
    Document,
    Prediction,
    ScoredRelation,
    ScoredSpan,
)


def test_bins_are_weighted_by_their_predictions() -> None:
    metric = CalibrationError()
    metric([0.62, 0.68, 0.95], [True, False, True])
    metric([1.0], [False])
    # In the bin from 0.6 on: mean score 0.65, one half right; from 0.9 on: 0.975, one half right.
    expected = (2 * 0.15 + 2 * 0.475) / 4
    found = metric.get_metric(reset=True)
    assert found["calibration_error"] == pytest.approx(expected)
    squares = 0.38**2 + 0.68**2 + 0.05**2 + 1.0
    assert found["brier_score"] == pytest.approx(squares / 4)
    assert metric.get_metric() == {"calibration_error": 0.0, "brier_score": 0.0}


DOCUMENT = Document(
    "d",
    [["a", "b", "c"]],
    [AnnotatedSpan(0, 0, "A"), AnnotatedSpan(1, 2, "B")],
    relations=[AnnotatedRelation((1, 2), (0, 0), "R")],
)
ENTITIES = [ScoredSpan(0, 0, "A", 0.9), ScoredSpan(1, 2, "A", 0.7)]


def test_entities_are_right_with_their_label_and_documents_without_gold_do_not_count() -> None:
    metric = CalibrationError()
    metric.count_entities([ENTITIES, ENTITIES], [DOCUMENT, Document("e", [["a", "b", "c"]])])
    found = metric.get_metric()
    assert found["brier_score"] == pytest.approx((0.01 + 0.49) / 2)


@pytest.mark.parametrize("symmetric, error", [((), 0.64), (("R",), 0.04)])
def test_relations_are_right_with_their_ends_and_label(symmetric: Any, error: float) -> None:
    metric = CalibrationError()
    prediction = Prediction(ENTITIES, [ScoredRelation(0, 1, "R", 0.8)])
    metric.count_relations([prediction], [DOCUMENT], symmetric)
    assert metric.get_metric()["brier_score"] == pytest.approx(error)
