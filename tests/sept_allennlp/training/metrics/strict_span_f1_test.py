from typing import Any, List, Tuple

import pytest
from allennlp.common import Params
from allennlp.training.metrics import Metric

from sept_allennlp.training.metrics import StrictSpanF1
from sept_runtime.documents import AnnotatedSpan, Document, ScoredSpan
from tests.two_processes import run_in_two_processes

LABELS = ["Task", "Method", "Metric"]

# Three right of five predicted and six gold, counted by hand; the right ones are starred.
GOLD = [
    [(0, 1, "Task"), (1, 1, "Method"), (3, 5, "Task"), (0, 20, "Method")],  # *, *, -, -
    [(2, 2, "Metric")],  # -
    [],
    [(4, 6, "Method")],  # *
]
PREDICTED = [
    [(0, 1, "Task"), (1, 1, "Method"), (3, 5, "Method")],  # *, *, wrong label
    [(2, 3, "Metric")],  # wrong end
    [],
    [(4, 6, "Method")],  # *
]
EXPECTED = {
    "precision": 3 / 5,
    "recall": 3 / 6,
    "f1": 2 * 3 / (5 + 6),
    "precision-Task": 1 / 1,
    "recall-Task": 1 / 2,
    "f1-Task": 2 / 3,
    "precision-Method": 2 / 3,
    "recall-Method": 2 / 3,
    "f1-Method": 2 / 3,
    "precision-Metric": 0.0,
    "recall-Metric": 0.0,
    "f1-Metric": 0.0,
}


def scored(predictions: List[List[Tuple]], gold: List[List[Tuple]]) -> dict:
    metric = StrictSpanF1(LABELS)
    metric(predictions, gold)
    return metric.get_metric()


def test_documents_without_annotation_do_not_count():
    metric = StrictSpanF1(LABELS)
    documents = [
        Document("a", [["we", "parse"]], [AnnotatedSpan(1, 1, "Task")]),
        Document("b", [["we"]]),
        Document("c", [["we"]], []),
    ]
    found = [[ScoredSpan(1, 1, "Task", 0.5)], [ScoredSpan(0, 0, "Task", 0.9)], []]
    metric.count(found, documents)
    assert metric.report() == {"precision": 1.0, "recall": 1.0, "f1": 1.0}
    metric.count([[], [], [ScoredSpan(0, 0, "Method", 0.9)]], documents)
    assert metric.report(reset=True) == {
        **{name: 0.0 for name in EXPECTED},
        **{"precision": 1 / 2, "recall": 1 / 2, "f1": 1 / 2},
        **{"precision-Task": 1.0, "recall-Task": 1 / 2, "f1-Task": 2 / 3},
    }
    assert metric.report() == {"precision": 0.0, "recall": 0.0, "f1": 0.0}


def overall(metrics: dict) -> Tuple[float, float, float]:
    return metrics["precision"], metrics["recall"], metrics["f1"]


def test_a_case_by_hand_at_once_and_document_by_document():
    assert scored(PREDICTED, GOLD) == pytest.approx(EXPECTED)
    metric = StrictSpanF1(LABELS)
    for predicted, gold in zip(PREDICTED, GOLD, strict=True):
        metric([predicted], [gold])
    assert metric.get_metric() == pytest.approx(EXPECTED)
    # Reading it changes nothing.
    assert metric.get_metric() == pytest.approx(EXPECTED)


@pytest.mark.parametrize(
    "prediction",
    [(1, 2, "Method"), (0, 2, "Task"), (1, 3, "Task"), (1, 1, "Task"), (2, 2, "Task")],
    ids=["label", "start", "end", "first word alone", "last word alone"],
)
def test_a_wrong_boundary_label_or_document_is_wrong(prediction):
    assert overall(scored([[prediction]], [[(1, 2, "Task")]])) == (0.0, 0.0, 0.0)


def test_nested_and_overlapping_entities_are_counted_each():
    gold = [[(0, 4, "Task"), (1, 2, "Task"), (2, 6, "Method")]]
    assert overall(scored(gold, gold)) == (1.0, 1.0, 1.0)
    assert overall(scored([[(1, 2, "Task")]], gold)) == pytest.approx((1.0, 1 / 3, 1 / 2))


def test_gold_that_no_candidate_reaches_is_missed():
    assert overall(
        scored([[(0, 0, "Task")]], [[(0, 0, "Task"), (0, 99, "Task")]])
    ) == pytest.approx((1.0, 1 / 2, 2 / 3))


def test_an_entity_of_another_document_is_wrong():
    assert overall(scored([[], [(0, 0, "Task")]], [[(0, 0, "Task")], []])) == (0.0, 0.0, 0.0)


def test_duplicate_predictions_count_once():
    twice = [[(0, 0, "Task"), (0, 0, "Task"), (1, 1, "Task")]]
    assert overall(scored(twice, [[(0, 0, "Task")]])) == pytest.approx((1 / 2, 1.0, 2 / 3))
    assert overall(scored([[(0, 0, "Task")]], [[(0, 0, "Task")] * 2])) == (1.0, 1.0, 1.0)


def test_nothing_predicted_nothing_gold_and_nothing_seen():
    assert overall(scored([[]], [[(0, 0, "Task")]])) == (0.0, 0.0, 0.0)
    assert overall(scored([[(0, 0, "Task")]], [[]])) == (0.0, 0.0, 0.0)
    assert overall(scored([[], []], [[], []])) == (0.0, 0.0, 0.0)
    assert set(StrictSpanF1(LABELS).get_metric().values()) == {0.0}


def test_any_triple_is_an_entity():
    metric = StrictSpanF1(LABELS)
    metric(
        [[ScoredSpan(0, 0, "Task", 0.9)[:3]], [[1, 1, "Task"]]], [[AnnotatedSpan(0, 0, "Task")]] * 2
    )
    assert overall(metric.get_metric()) == pytest.approx((1 / 2, 1 / 2, 1 / 2))


def test_a_reset_forgets():
    metric = StrictSpanF1(LABELS)
    metric(PREDICTED, GOLD)
    assert metric.get_metric(reset=True) == pytest.approx(EXPECTED)
    assert overall(metric.get_metric()) == (0.0, 0.0, 0.0)
    metric([[(0, 0, "Task")]], [[(0, 0, "Task")]])
    assert overall(metric.get_metric()) == (1.0, 1.0, 1.0)


def test_documents_must_correspond():
    with pytest.raises(ValueError):
        StrictSpanF1(LABELS)([[], []], [[]])


def test_an_unknown_label_is_refused():
    with pytest.raises(KeyError, match="Person"):
        StrictSpanF1(LABELS)([[(0, 0, "Person")]], [[]])


def test_is_registered():
    metric = Metric.from_params(Params({"type": "strict_span_f1", "labels": LABELS}))
    assert isinstance(metric, StrictSpanF1)


def check_in_two_processes(rank: int, world_size: int, gpu_id: int, **kwargs: Any) -> None:
    metric = StrictSpanF1(LABELS)
    assert world_size == 2
    # The documents are 0 and 1, then 2 and 3; the trainer reads a metric after every batch.
    metric(PREDICTED[rank : rank + 1], GOLD[rank : rank + 1])
    assert overall(metric.get_metric()) == pytest.approx((2 / 4, 2 / 5, 4 / 9))
    metric(PREDICTED[rank + 2 : rank + 3], GOLD[rank + 2 : rank + 3])
    assert metric.get_metric(reset=True) == pytest.approx(EXPECTED)
    assert overall(metric.get_metric()) == (0.0, 0.0, 0.0)


def test_processes_add_up_their_counts():
    run_in_two_processes(check_in_two_processes)
