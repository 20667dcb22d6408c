import numpy as np

from sept_runtime.documents import (
    Prediction,
    ScoredRelation,
    ScoredSpan,
    SoftAnnotation,
    SoftRelation,
    SoftRelations,
)
from sept_runtime.relation_decoding import RelationDecoding, ScoredPairs, surest_entities

LABELS = ["USED-FOR", "COMPARE"]
# USED-FOR and COMPARE, from the first to the second and the other way.
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
    found = RelationDecoding(LABELS, (), 0.5).decode(SCORED)
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
    found = RelationDecoding(LABELS, ("COMPARE",), 0.375).decode(SCORED)
    assert [relation for relation in found if relation.label == "COMPARE"] == [
        ScoredRelation(0, 2, "COMPARE", 0.75),
        ScoredRelation(1, 2, "COMPARE", 0.375),
    ]
    assert len([relation for relation in found if relation.label == "USED-FOR"]) == 3
    assert (before == PROBABILITIES).all()


def test_no_pairs_no_relations():
    nothing = ScoredPairs(PAIRS[:0], np.zeros((0, 2, 2)))
    assert RelationDecoding(LABELS, ("USED-FOR",), 0.0).decode(nothing) == []


def test_what_is_asked_for_can_only_raise_the_threshold():
    decoding = RelationDecoding(LABELS, (), 0.5)
    assert decoding.decode(SCORED, 0.25) == decoding.decode(SCORED)
    assert [relation.score for relation in decoding.decode(SCORED, 0.875)] == [1.0, 1.0]


def test_of_very_many_entities_the_surest_are_looked_at():
    entities = [ScoredSpan(n, n, "A", score) for n, score in enumerate([0.5, 0.9, 0.5, 0.7])]
    # Three words, of which 0.4 make two entities when rounded up; of equals, the first.
    assert surest_entities([entities, [], entities], [3, 9, 7], 0.4) == [[1, 3], [], [0, 1, 3]]


ENTITIES = [ScoredSpan(0, 1, "A", 0.9), ScoredSpan(3, 3, "A", 0.9), ScoredSpan(5, 6, "B", 0.9)]


def test_soft_relations_list_every_pair_in_both_directions_and_leave_out_unlikely_labels():
    soft = RelationDecoding(LABELS, ("COMPARE",), 0.5).soft_relations(ENTITIES, SCORED, 0.25)
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
    soft = RelationDecoding(LABELS, (), 0.5).soft_relations(ENTITIES, scored, 0.0)
    assert [pair.probabilities for pair in soft.pairs] == [
        {"USED-FOR": 0.1235},
        {"USED-FOR": 0.5, "COMPARE": 1.0},
    ]


def test_soft_relations_come_with_soft_labels_only():
    decoding = RelationDecoding(LABELS, (), 0.5)
    taught = Prediction(ENTITIES, soft=SoftAnnotation(("A", "B"), []))
    found = decoding.predict([taught, Prediction(ENTITIES)], [SCORED, SCORED], 0.0, 0.5)
    assert found[0].soft.relations == decoding.soft_relations(ENTITIES, SCORED, 0.5)
    assert found[1].soft is None
    (without,) = decoding.predict([taught], [SCORED])
    assert without.soft.relations is None
