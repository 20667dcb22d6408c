from typing import Any, Dict, List, Optional, Sequence, Tuple

import pytest
from allennlp.common import Params
from allennlp.training.metrics import Metric

from sept_allennlp.training.metrics import StrictRelationF1
from sept_runtime.documents import (
    AnnotatedRelation,
    AnnotatedSpan,
    Document,
    Prediction,
    ScoredRelation,
    ScoredSpan,
)
from tests.two_processes import run_in_two_processes

LABELS = ["USED-FOR", "COMPARE", "PART-OF"]
SYMMETRIC = ["COMPARE"]


def document(
    entities: Sequence[Tuple[int, int, str]],
    relations: Optional[Sequence[Tuple[int, int, str]]],
    key: str = "d",
) -> Document:
    """Relations are given by the places of their entities in the list."""
    spans = [AnnotatedSpan(*entity) for entity in entities]
    annotated = None
    if relations is not None:
        annotated = [
            AnnotatedRelation(spans[head][:2], spans[tail][:2], label)
            for head, tail, label in relations
        ]
    return Document(key, [["word"] * 20], spans, relations=annotated)


def prediction(
    entities: Sequence[Tuple[int, int, str]], relations: Sequence[Tuple[int, int, str]]
) -> Prediction:
    return Prediction(
        [ScoredSpan(*entity, 0.9) for entity in entities],
        [ScoredRelation(*relation, 0.8) for relation in relations],
    )


# By hand: seven gold relations, six predicted; *: right, +: right with the entities' labels too.
DOCUMENTS = [
    document(
        [(0, 1, "Method"), (3, 3, "Task"), (5, 6, "Method"), (8, 8, "Metric")],
        [
            (0, 1, "USED-FOR"),  # * +
            (2, 1, "USED-FOR"),  # * but its head is predicted as a Task
            (0, 2, "COMPARE"),  # * in the other order, but one of its labels is wrong
            (3, 1, "USED-FOR"),  # missed: its head was not found
        ],
    ),
    document([(0, 0, "Task"), (2, 4, "Method")], [(1, 0, "PART-OF"), (0, 1, "COMPARE")]),
    document([(0, 0, "Task"), (2, 4, "Method")], [(1, 0, "PART-OF")]),
]
PREDICTIONS = [
    prediction(
        [(0, 1, "Method"), (3, 3, "Task"), (5, 6, "Task")],
        [(0, 1, "USED-FOR"), (2, 1, "USED-FOR"), (2, 0, "COMPARE")],
    ),
    prediction(
        [(0, 0, "Task"), (2, 4, "Method")],
        # Reversed, which matters; reversed, which does not.
        [(0, 1, "PART-OF"), (1, 0, "COMPARE")],
    ),
    # A word too few.
    prediction([(0, 0, "Task"), (2, 3, "Method")], [(1, 0, "PART-OF")]),
]
EXPECTED = {
    "rel_precision": 4 / 6,
    "rel_recall": 4 / 7,
    "rel_f1": 8 / 13,
    "rel_plus_precision": 2 / 6,
    "rel_plus_recall": 2 / 7,
    "rel_plus_f1": 4 / 13,
    "rel_recall-USED-FOR": 2 / 3,
    "rel_plus_recall-USED-FOR": 1 / 3,
    "rel_f1-COMPARE": 1.0,
    "rel_plus_f1-COMPARE": 1 / 2,
    "rel_f1-PART-OF": 0.0,
}


def scored(predictions: List[Prediction], documents: List[Document]) -> Dict[str, float]:
    metric = StrictRelationF1(LABELS, SYMMETRIC)
    metric(predictions, documents)
    return metric.get_metric()


def test_a_case_by_hand_at_once_and_document_by_document() -> None:
    metrics = scored(PREDICTIONS, DOCUMENTS)
    assert {name: metrics[name] for name in EXPECTED} == pytest.approx(EXPECTED)
    metric = StrictRelationF1(LABELS, SYMMETRIC)
    for found, gold in zip(PREDICTIONS, DOCUMENTS, strict=True):
        metric([found], [gold])
    assert metric.get_metric() == metrics
    # Without the labels until the end; reading it changes nothing.
    assert metric.report() == {name: metrics[name] for name in EXPECTED if "-" not in name}
    assert metric.report(reset=True) == metrics
    assert {*metric.get_metric().values()} == {0.0}


def test_documents_without_annotated_relations_do_not_count() -> None:
    unannotated = document([(0, 0, "Task"), (2, 4, "Method")], None)
    metrics = scored([*PREDICTIONS, PREDICTIONS[1]], [*DOCUMENTS, unannotated])
    assert metrics["rel_f1"] == pytest.approx(EXPECTED["rel_f1"])
    # In an annotated document without relations, all are wrong.
    none = document([(0, 0, "Task"), (2, 4, "Method")], [])
    metrics = scored([*PREDICTIONS, PREDICTIONS[1]], [*DOCUMENTS, none])
    assert metrics["rel_precision"] == pytest.approx(4 / 8)


def test_a_symmetric_relation_annotated_in_both_orders_is_one() -> None:
    both = document(
        [(0, 0, "Task"), (2, 2, "Task")],
        [(0, 1, "COMPARE"), (1, 0, "COMPARE"), (0, 1, "PART-OF"), (1, 0, "PART-OF")],
    )
    found = prediction([(0, 0, "Task"), (2, 2, "Task")], [(0, 1, "COMPARE"), (0, 1, "PART-OF")])
    metrics = scored([found], [both])
    assert (metrics["rel_precision"], metrics["rel_recall"]) == pytest.approx((1.0, 2 / 3))
    assert metrics["rel_plus_f1"] == pytest.approx(metrics["rel_f1"])


def test_two_labels_of_one_pair_count_each() -> None:
    two = document([(0, 0, "Task"), (2, 2, "Task")], [(0, 1, "USED-FOR"), (0, 1, "PART-OF")])
    found = prediction([(0, 0, "Task"), (2, 2, "Task")], [(0, 1, "USED-FOR")])
    metrics = scored([found], [two])
    assert (metrics["rel_precision"], metrics["rel_recall"]) == pytest.approx((1.0, 1 / 2))


def test_predictions_without_relations_miss_all_of_them() -> None:
    metrics = scored([Prediction([]) for _ in DOCUMENTS], DOCUMENTS)
    assert {*metrics.values()} == {0.0}


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(KeyError, match="CAUSES"):
        scored([prediction([(0, 0, "Task"), (1, 1, "Task")], [(0, 1, "CAUSES")])], DOCUMENTS[:1])


def test_is_registered() -> None:
    params = {"type": "strict_relation_f1", "labels": LABELS, "symmetric_labels": SYMMETRIC}
    assert isinstance(Metric.from_params(Params(params)), StrictRelationF1)


def check_in_two_processes(rank: int, world_size: int, gpu_id: int, **kwargs: Any) -> None:
    metric = StrictRelationF1(LABELS, SYMMETRIC)
    share = slice(0, 2) if rank == 0 else slice(2, 3)
    metric(PREDICTIONS[share], DOCUMENTS[share])
    metrics = metric.get_metric(reset=True)
    assert {name: metrics[name] for name in EXPECTED} == pytest.approx(EXPECTED)


def test_processes_add_up_their_counts() -> None:
    run_in_two_processes(check_in_two_processes)
