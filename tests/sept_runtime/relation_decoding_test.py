import numpy as np

from sept_runtime.documents import ScoredRelation, ScoredSpan
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
