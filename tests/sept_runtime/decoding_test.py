from typing import List

import numpy as np
import pytest

from sept_runtime.decoding import (
    RelationDecoding,
    ScoredPairs,
    decode,
    soft_annotation,
    top_scoring_entities,
    without_overlaps,
)
from sept_runtime.documents import (
    Prediction,
    ScoredRelation,
    ScoredSpan,
    SoftAnnotation,
    SoftRelation,
    SoftRelations,
    SoftSpan,
)
from sept_runtime.options import Decoding

LABELS = ["Task", "Method"]


def spans_of(entities: List[ScoredSpan]) -> List[tuple]:
    return [(entity.start, entity.end, entity.label) for entity in entities]


def test_each_span_gets_its_most_probable_class_and_entities_may_nest():
    spans = np.array([[0, 0], [0, 1], [0, 2], [1, 1], [2, 2]])
    probabilities = np.array(
        [
            [0.6, 0.3, 0.1],
            [0.25, 0.5, 0.25],
            [0.125, 0.125, 0.75],
            [0.3, 0.3, 0.4],
            [0.9, 0.05, 0.05],
        ]
    )
    entities = decode(probabilities, spans, LABELS)
    assert spans_of(entities) == [(0, 1, "Task"), (0, 2, "Method"), (1, 1, "Method")]
    assert [entity.score for entity in entities] == pytest.approx([0.5, 0.75, 0.4])


def test_entities_are_sorted_by_position():
    spans = np.array([[4, 5], [0, 3], [4, 4], [0, 1]])
    probabilities = np.array([[0.0, 1.0, 0.0]] * 4)
    entities = decode(probabilities, spans, LABELS)
    assert [(entity.start, entity.end) for entity in entities] == [(0, 1), (0, 3), (4, 4), (4, 5)]


def test_a_tie_with_no_entity_is_no_entity():
    probabilities = np.array([[0.5, 0.5, 0.0], [0.2, 0.4, 0.4]])
    entities = decode(probabilities, np.array([[0, 0], [1, 1]]), LABELS)
    assert spans_of(entities) == [(1, 1, "Task")]


@pytest.mark.parametrize("flat", [False, True])
def test_nothing_predicted(flat):
    assert decode(np.array([[0.9, 0.1, 0.0]]), np.array([[0, 0]]), LABELS, Decoding(flat)) == []
    no_spans = np.zeros((0, 2), dtype=np.int64)
    assert decode(np.zeros((0, 3)), no_spans, LABELS, Decoding(flat)) == []


def test_flat_entities_share_no_word_and_the_most_probable_stay():
    spans = np.array([[0, 2], [2, 3], [3, 4], [4, 6], [8, 8]])
    probabilities = np.array(
        [
            [0.3, 0.7, 0.0],
            [0.1, 0.9, 0.0],
            [0.2, 0.0, 0.8],
            [0.4, 0.0, 0.6],
            [0.5, 0.0, 0.5],
        ]
    )
    # (2, 3) comes first, and (0, 2) and (3, 4) share a word with it; (4, 6) shares one with (3, 4)
    # alone, which is not taken.
    entities = decode(probabilities, spans, LABELS, Decoding(flat=True))
    assert spans_of(entities) == [(2, 3, "Task"), (4, 6, "Method")]


def test_of_overlapping_entities_with_equal_scores_the_first_and_then_the_shortest_stays():
    entities = [
        ScoredSpan(1, 3, "Task", 0.5),
        ScoredSpan(0, 1, "Task", 0.5),
        ScoredSpan(0, 2, "Method", 0.5),
        ScoredSpan(3, 3, "Method", 0.5),
    ]
    expected = [(0, 1, "Task"), (3, 3, "Method")]
    assert spans_of(without_overlaps(entities)) == expected
    assert spans_of(without_overlaps(entities[::-1])) == expected


def test_an_entity_inside_another_is_an_overlap():
    entities = [ScoredSpan(0, 5, "Task", 0.6), ScoredSpan(2, 2, "Task", 0.9)]
    assert spans_of(without_overlaps(entities)) == [(2, 2, "Task")]


def test_entities_below_the_minimum_are_dropped():
    probabilities = np.array([[0.1, 0.9, 0.0], [0.3, 0.0, 0.7]])
    spans = np.array([[0, 0], [1, 2]])
    found = decode(probabilities, spans, LABELS, Decoding(min_score=0.8))
    assert [entity[:3] for entity in found] == [(0, 0, LABELS[0])]


def test_the_most_probable_labels_are_reported():
    probabilities = np.array([[0.1, 0.3, 0.6]])
    (found,) = decode(probabilities, np.array([[0, 1]]), LABELS, Decoding(top_labels=5))
    assert [label for label, _ in found.labels] == [LABELS[1], LABELS[0]]
    assert [score for _, score in found.labels] == pytest.approx([0.6, 0.3])


def test_soft_labels_are_of_the_candidates_that_may_be_entities_by_place():
    spans = np.array([[4, 5], [0, 3], [0, 1], [2, 2]])
    probabilities = np.array(
        [
            [0.5, 0.30001, 0.19999],
            [0.9, 0.1, 0.0],
            [0.75, 0.00004, 0.24996],
            [0.99, 0.005, 0.005],
        ],
        dtype=np.float32,
    )
    assert soft_annotation(probabilities, spans, LABELS, threshold=0.05) == SoftAnnotation(
        ("Task", "Method"),
        [
            SoftSpan(0, 1, {"Method": 0.25}),
            SoftSpan(0, 3, {"Task": 0.1}),
            SoftSpan(4, 5, {"Task": 0.3, "Method": 0.2}),
        ],
    )


def test_soft_labels_where_there_is_no_candidate():
    nothing = soft_annotation(np.zeros((0, 3)), np.zeros((0, 2), dtype=np.int64), LABELS, 0.01)
    assert nothing == SoftAnnotation(("Task", "Method"), [])


RELATION_LABELS = ["USED-FOR", "COMPARE"]
# USED-FOR and COMPARE, from the first to the second and from the second to the first.
PAIRS = np.array([[0, 1], [0, 2], [1, 2]])
PROBABILITIES = np.array(
    [
        [[0.75, 0.0], [0.5, 0.25]],
        [[0.25, 1.0], [0.125, 0.5]],
        [[0.0, 0.25], [1.0, 0.5]],
    ]
)
SCORED = ScoredPairs(PAIRS, PROBABILITIES)


def test_relations_are_as_probable_as_asked_for_and_in_order():
    found = RelationDecoding(RELATION_LABELS, (), 0.5).decode(SCORED)
    assert found == [
        ScoredRelation(0, 1, "USED-FOR", 0.75),
        ScoredRelation(0, 2, "COMPARE", 1.0),
        ScoredRelation(1, 0, "USED-FOR", 0.5),
        ScoredRelation(2, 0, "COMPARE", 0.5),
        ScoredRelation(2, 1, "COMPARE", 0.5),
        ScoredRelation(2, 1, "USED-FOR", 1.0),
    ]


def test_a_symmetric_relation_is_found_once_with_the_mean_of_both_ways():
    before = PROBABILITIES.copy()
    found = RelationDecoding(RELATION_LABELS, ("COMPARE",), 0.375).decode(SCORED)
    assert [relation for relation in found if relation.label == "COMPARE"] == [
        ScoredRelation(0, 2, "COMPARE", 0.75),
        ScoredRelation(1, 2, "COMPARE", 0.375),
    ]
    assert len([relation for relation in found if relation.label == "USED-FOR"]) == 3
    assert (before == PROBABILITIES).all()


def test_no_pairs_no_relations():
    nothing = ScoredPairs(PAIRS[:0], np.zeros((0, 2, 2)))
    assert RelationDecoding(RELATION_LABELS, ("USED-FOR",), 0.0).decode(nothing) == []


def test_min_score_can_only_raise_the_threshold():
    decoding = RelationDecoding(RELATION_LABELS, (), 0.5)
    assert decoding.decode(SCORED, 0.25) == decoding.decode(SCORED)
    assert [relation.score for relation in decoding.decode(SCORED, 0.875)] == [1.0, 1.0]


def test_only_the_most_probable_of_very_many_entities_are_paired():
    entities = [ScoredSpan(n, n, "A", score) for n, score in enumerate([0.5, 0.9, 0.5, 0.7])]
    # 0.4 entities for each of three words are two, rounded up; of equal scores, the first counts.
    assert top_scoring_entities([entities, [], entities], [3, 9, 7], 0.4) == [[1, 3], [], [0, 1, 3]]


RELATED = [ScoredSpan(0, 1, "A", 0.9), ScoredSpan(3, 3, "A", 0.9), ScoredSpan(5, 6, "B", 0.9)]


def test_soft_relations_list_every_pair_in_both_directions_and_leave_out_unlikely_labels():
    soft = RelationDecoding(RELATION_LABELS, ("COMPARE",), 0.5).soft_relations(
        RELATED, SCORED, 0.25
    )
    assert soft == SoftRelations(
        ("USED-FOR", "COMPARE"),
        [
            # COMPARE is symmetric: (0.0 + 0.25) / 2 is below 0.25.
            SoftRelation((0, 1), (3, 3), {"USED-FOR": 0.75}),
            SoftRelation((0, 1), (5, 6), {"USED-FOR": 0.25, "COMPARE": 0.75}),
            SoftRelation((3, 3), (0, 1), {"USED-FOR": 0.5}),
            SoftRelation((3, 3), (5, 6), {"COMPARE": 0.375}),
            SoftRelation((5, 6), (0, 1), {"COMPARE": 0.75}),
            SoftRelation((5, 6), (3, 3), {"USED-FOR": 1.0, "COMPARE": 0.375}),
        ],
    )


def test_soft_relations_have_four_digits():
    scored = ScoredPairs(PAIRS[:1], np.array([[[0.12345678, 0.0], [0.5, 0.99999]]], np.float32))
    soft = RelationDecoding(RELATION_LABELS, (), 0.5).soft_relations(RELATED, scored, 0.0)
    assert [pair.probabilities for pair in soft.pairs] == [
        {"USED-FOR": 0.1235},
        {"USED-FOR": 0.5, "COMPARE": 1.0},
    ]


def test_soft_relations_come_with_soft_labels_only():
    decoding = RelationDecoding(RELATION_LABELS, (), 0.5)
    soft = Prediction(RELATED, soft=SoftAnnotation(("A", "B"), []))
    found = decoding.predict(
        [soft, Prediction(RELATED)],
        [SCORED, SCORED],
        Decoding(soft_labels=0.0, soft_relations=0.5),
    )
    assert found[0].soft.relations == decoding.soft_relations(RELATED, SCORED, 0.5)
    assert found[1].soft is None
    (without,) = decoding.predict([soft], [SCORED], Decoding())
    assert without.soft.relations is None
