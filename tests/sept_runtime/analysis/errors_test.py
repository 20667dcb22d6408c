from typing import Any, List, Optional, Sequence, Tuple

import pytest

from sept_runtime.analysis.errors import (
    BOTH,
    BOUNDARY,
    LABEL,
    LOST,
    MISSED,
    NOTHING,
    REVERSED,
    RIGHT,
    SPURIOUS,
    WRONG_ENTITY,
    Counts,
    analyze_errors,
    compare_systems,
)
from sept_runtime.documents import (
    AnnotatedRelation,
    AnnotatedSpan,
    Document,
    DocumentError,
    Prediction,
    ScoredRelation,
    ScoredSpan,
)
from sept_runtime.formats.predictions import PredictedDocument

WORDS = [f"w{number}" for number in range(20)]


def document(
    gold: Optional[Sequence[Tuple[Any, ...]]],
    predicted: Sequence[Tuple[Any, ...]],
    key: str = "a",
    sentences: Sequence[Sequence[str]] = (WORDS,),
    relations: Optional[List[AnnotatedRelation]] = None,
    found: Optional[List[ScoredRelation]] = None,
) -> PredictedDocument:
    spans = None if gold is None else [AnnotatedSpan(*span) for span in gold]
    annotated = Document(key, [list(words) for words in sentences], spans, relations=relations)
    prediction = Prediction([ScoredSpan(*span) for span in predicted], found)
    return PredictedDocument(annotated, prediction)


def outcomes(gold: Sequence[Tuple[Any, ...]], predicted: Sequence[Tuple[Any, ...]]) -> Any:
    report = analyze_errors([document(gold, predicted)])
    return sorted(
        (case.outcome, case.gold and case.gold[:2], case.predicted and case.predicted[:2])
        for case in report.cases
    )


def test_each_kind_of_error() -> None:
    gold = [(0, 0, "A"), (2, 2, "A"), (4, 6, "A"), (8, 9, "A"), (11, 11, "A")]
    predicted = [(0, 0, "A"), (2, 2, "B"), (5, 6, "A"), (9, 10, "B"), (13, 13, "A")]
    assert outcomes(gold, predicted) == [
        (BOTH, (8, 9), (9, 10)),
        (BOUNDARY, (4, 6), (5, 6)),
        (LABEL, (2, 2), (2, 2)),
        (MISSED, (11, 11), None),
        (RIGHT, (0, 0), (0, 0)),
        (SPURIOUS, None, (13, 13)),
    ]


def test_pairs_are_one_to_one_and_share_most_words() -> None:
    # [0, 4] overlaps both predictions; the one with more shared words is its pair.
    assert outcomes([(0, 4, "A")], [(0, 1, "A"), (2, 4, "A")]) == [
        (BOUNDARY, (0, 4), (2, 4)),
        (SPURIOUS, None, (0, 1)),
    ]
    # An equal label comes before more shared words.
    assert outcomes([(0, 4, "A")], [(0, 0, "A"), (1, 4, "B")]) == [
        (BOUNDARY, (0, 4), (0, 0)),
        (SPURIOUS, None, (1, 4)),
    ]
    # An equal pair is never broken up.
    assert outcomes([(0, 1, "A"), (0, 2, "A")], [(0, 2, "A")]) == [
        (MISSED, (0, 1), None),
        (RIGHT, (0, 2), (0, 2)),
    ]


def test_confusion_of_labels() -> None:
    gold = [(0, 0, "A"), (1, 1, "A"), (2, 2, "B"), (4, 5, "B")]
    predicted = [(0, 0, "A"), (1, 1, "B"), (4, 4, "B"), (9, 9, "B")]
    report = analyze_errors([document(gold, predicted)])
    assert report.confusion() == {
        ("A", "A"): 1,
        ("A", "B"): 1,
        ("B", NOTHING): 1,
        ("B", "B"): 1,
        (NOTHING, "B"): 1,
    }
    assert report.counts() == Counts(right=1, predicted=4, gold=4)
    assert report.groups["label"] == {"A": Counts(1, 1, 2), "B": Counts(0, 3, 2)}


def test_groups_of_width_sentence_and_nesting() -> None:
    sentences = [WORDS[:4], WORDS[:16]]
    # One and two words in the short sentence; eight words with two inside in the long one.
    gold = [(0, 0, "A"), (1, 2, "A"), (4, 11, "A"), (5, 6, "A")]
    predicted = [(0, 0, "A"), (4, 11, "A"), (15, 15, "A")]
    groups = analyze_errors([document(gold, predicted, sentences=sentences)]).groups
    assert groups["width"]["1 word"] == Counts(1, 2, 1)
    assert groups["width"]["2 words"] == Counts(0, 0, 2)
    assert groups["width"]["8 words and more"] == Counts(1, 1, 1)
    assert groups["sentence"]["up to 15 words"] == Counts(1, 1, 2)
    assert groups["sentence"]["16 to 25 words"] == Counts(1, 2, 2)
    # Predicted entities are nested among the predicted ones, gold ones among the gold.
    assert groups["nesting"] == {"nested": Counts(1, 0, 2), "not nested": Counts(1, 3, 2)}
    assert "training data" not in groups


def test_entities_that_training_has_seen() -> None:
    training = [Document("t", [["W0", "w1", "w2"]], [AnnotatedSpan(0, 1, "A")])]
    gold = [(0, 1, "A"), (2, 2, "A")]
    report = analyze_errors([document(gold, [(0, 1, "B"), (2, 2, "A")])], training)
    assert report.groups["training data"] == {
        "seen with this label": Counts(0, 0, 1),
        "seen with another label": Counts(0, 1, 0),
        "unseen": Counts(1, 1, 1),
    }


def test_precision_over_score() -> None:
    predicted = [(0, 0, "A", 0.95), (1, 1, "A", 1.0), (2, 2, "A", 0.42), (3, 3, "A", 0.48)]
    report = analyze_errors([document([(0, 0, "A"), (2, 2, "A"), (3, 3, "A")], predicted)])
    low, high = report.reliability()
    assert (low.low, low.high, low.predicted, low.precision) == (0.4, 0.5, 2, 1.0)
    assert low.mean_score == pytest.approx(0.45)
    assert (high.low, high.high, high.predicted, high.precision) == (0.9, 1.0, 2, 0.5)


def test_low_scores_can_be_ignored_with_their_relations() -> None:
    predicted = [(0, 0, "A", 0.9), (1, 1, "A", 0.2), (2, 2, "A", 0.8)]
    relations = [ScoredRelation(0, 1, "X"), ScoredRelation(0, 2, "X")]
    gold = [(0, 0, "A"), (2, 2, "A")]
    related = [AnnotatedRelation((0, 0), (2, 2), "X")]
    one = document(gold, predicted, relations=related, found=relations)
    report = analyze_errors([one], min_score=0.5)
    assert report.counts() == Counts(2, 2, 2)
    assert report.relation_outcomes == {RIGHT: 1}
    with pytest.raises(DocumentError, match="'a' has no scores, so --min-score cannot"):
        analyze_errors([document(gold, [(0, 0, "A")])], min_score=0.5)


def test_relations_and_those_lost_through_entities() -> None:
    spans = [(0, 0, "A"), (1, 1, "A"), (2, 2, "A"), (3, 3, "A")]
    # The last gold entity is not found, and [5, 5] is no gold entity.
    predicted = [*spans[:3], (5, 5, "A")]
    gold = [
        AnnotatedRelation((0, 0), (1, 1), "USED-FOR"),
        AnnotatedRelation((1, 1), (2, 2), "USED-FOR"),
        AnnotatedRelation((0, 0), (2, 2), "PART-OF"),
        AnnotatedRelation((0, 0), (3, 3), "USED-FOR"),
        AnnotatedRelation((2, 2), (1, 1), "COMPARE"),
        AnnotatedRelation((2, 2), (0, 0), "FEATURE-OF"),
    ]
    found = [
        ScoredRelation(0, 1, "USED-FOR"),
        ScoredRelation(2, 1, "USED-FOR"),
        ScoredRelation(0, 2, "USED-FOR"),
        # In the other order, which says the same of this label.
        ScoredRelation(1, 2, "COMPARE"),
        ScoredRelation(1, 0, "PART-OF"),
        ScoredRelation(0, 3, "USED-FOR"),
    ]
    report = analyze_errors([document(spans, predicted, relations=gold, found=found)])
    assert report.relation_outcomes == {
        RIGHT: 2,
        REVERSED: 1,
        LABEL: 1,
        LOST: 1,
        MISSED: 1,
        SPURIOUS: 1,
        WRONG_ENTITY: 1,
    }
    assert analyze_errors([document(spans, predicted)]).relations is None


def test_two_systems_side_by_side() -> None:
    gold = [(0, 0, "A"), (1, 1, "A"), (2, 2, "B"), (3, 3, "B")]
    first = analyze_errors([document(gold, [*gold[:2], (9, 9, "A"), (8, 8, "A")])])
    second = analyze_errors([document(gold, [gold[0], gold[2], (9, 9, "A")])])
    comparison = compare_systems(first, second)
    assert comparison.found == {
        "A": {"both": 1, "only first": 1, "only second": 0, "neither": 0},
        "B": {"both": 0, "only first": 0, "only second": 1, "neither": 1},
    }
    assert comparison.spurious == {"both": 1, "only first": 1, "only second": 0}
    assert [case.gold for case in comparison.only_first] == [(1, 1, "A")]
    assert [case.gold for case in comparison.only_second] == [(2, 2, "B")]


def test_documents_without_keys_are_analyzed_but_not_compared() -> None:
    unnamed = [document([(0, 0, "A")], [], key=""), document([(1, 1, "A")], [], key="")]
    report = analyze_errors(unnamed)
    assert report.outcomes == {MISSED: 2}
    with pytest.raises(DocumentError, match="need a 'doc_key' to be compared"):
        compare_systems(report, report)


def test_systems_with_other_annotations_cannot_be_compared() -> None:
    first = analyze_errors([document([(0, 0, "A")], [])])
    second = analyze_errors([document([(1, 1, "A")], [])])
    with pytest.raises(DocumentError, match=r"only one has \[0, 0, 'A'\] in document 'a'"):
        compare_systems(first, second)


@pytest.mark.parametrize(
    "documents, complaint",
    [
        (
            [document(None, [])],
            "document 'a' needs both gold entities",
        ),
        ([document([], []), document([], [])], "document 'a' occurs twice"),
    ],
)
def test_documents_that_cannot_be_analyzed(
    documents: List[PredictedDocument], complaint: str
) -> None:
    with pytest.raises(DocumentError, match=complaint):
        analyze_errors(documents)
