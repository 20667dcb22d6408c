import pytest

from benchmarks.peers.scoring import strict_scores


def test_start_end_and_label_must_all_be_right():
    gold = [[(0, 4, "Task"), (10, 14, "Method"), (20, 24, "Metric")]]
    predicted = [[(0, 4, "Task"), (10, 15, "Method"), (20, 24, "Task"), (30, 31, "Task")]]
    # One right of four predicted and of three annotated: 2 × 1/4 × 1/3 / (1/4 + 1/3) = 2/7.
    assert strict_scores(predicted, gold) == pytest.approx(
        {"precision": 1 / 4, "recall": 1 / 3, "f1": 2 / 7}
    )


def test_counts_over_all_texts_before_dividing():
    gold = [[(0, 1, "A")], [(0, 1, "A"), (2, 3, "A"), (4, 5, "A")]]
    predicted = [[(0, 1, "A")], [(2, 3, "A"), (8, 9, "A")]]
    # Two right, three predicted, four annotated.
    assert strict_scores(predicted, gold) == pytest.approx(
        {"precision": 2 / 3, "recall": 2 / 4, "f1": 4 / 7}
    )


def test_an_entity_of_another_text_is_not_right():
    assert strict_scores([[], [(0, 1, "A")]], [[(0, 1, "A")], []])["f1"] == 0.0


def test_overlapping_gold_counts_for_models_that_cannot_predict_it():
    gold = [[(0, 20, "Method"), (4, 9, "Task")]]
    assert strict_scores([[(0, 20, "Method")]], gold) == pytest.approx(
        {"precision": 1.0, "recall": 1 / 2, "f1": 2 / 3}
    )


def test_duplicate_predictions_count_once():
    assert strict_scores([[[0, 1, "A"], [0, 1, "A"]]], [[(0, 1, "A")]])["precision"] == 1.0


@pytest.mark.parametrize("predicted", [[], [(0, 1, "A")]])
def test_without_anything_right_all_is_zero(predicted):
    scores = strict_scores([predicted], [[]])
    assert scores == {"precision": 0.0, "recall": 0.0, "f1": 0.0}


def test_a_text_too_few_is_an_error():
    with pytest.raises(ValueError):
        strict_scores([[]], [[], []])
