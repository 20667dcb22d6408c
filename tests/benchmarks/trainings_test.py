import pytest

from benchmarks.peers.trainings import epochs_to_train_anew


def test_a_training_that_ended_in_time_is_kept():
    assert epochs_to_train_anew(0.2, {"epochs": 0.19, "seconds": 361.0}, 360.0) is None
    assert epochs_to_train_anew(6, {"epochs": 6, "seconds": 310.0}, 360.0) is None


def test_a_training_that_was_cut_off_is_planned_with_the_epochs_it_reached():
    trained = {"epochs": 0.1, "seconds": 360.0}
    assert epochs_to_train_anew(0.2, trained, 360.0) == pytest.approx(0.095)


def test_a_training_that_was_late_is_planned_shorter():
    trained = {"epochs": 4.0, "seconds": 404.0}
    assert epochs_to_train_anew(4.0, trained, 360.0) == pytest.approx(4 * 0.9 * 0.95)
