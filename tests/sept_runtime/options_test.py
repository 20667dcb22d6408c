import numpy as np
import pytest

from sept_runtime.options import Decoding

KNOWN = (
    "the options are flat, min_score, top_labels, min_relation_score, soft_labels, soft_relations"
)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"min_score": -0.1}, "min_score must be a number between 0 and 1, got -0.1"),
        ({"min_score": 1.1}, "min_score must be a number between 0 and 1, got 1.1"),
        ({"min_score": "0.5"}, "min_score must be a number between 0 and 1, got '0.5'"),
        ({"min_score": True}, "min_score must be a number between 0 and 1, got True"),
        ({"min_score": float("nan")}, "min_score must be a number between 0 and 1, got nan"),
        ({"min_score": [0.5]}, "min_score must be a number between 0 and 1, got [0.5]"),
        ({"min_relation_score": 2}, "min_relation_score must be a number between 0 and 1, got 2"),
        (
            {"soft_labels": 1, "soft_relations": 2},
            "soft_relations must be a number between 0 and 1, got 2",
        ),
        (
            {"soft_relations": 0.5},
            "soft_relations needs soft_labels: give both, such as 0.01 and 0.01",
        ),
        ({"soft_labels": 1.5}, "soft_labels must be a number between 0 and 1, got 1.5"),
        ({"soft_labels": False}, "soft_labels must be a number between 0 and 1, got False"),
        ({"top_labels": -1}, "top_labels must be a whole number, 0 or more, got -1"),
        ({"top_labels": 2.0}, "top_labels must be a whole number, 0 or more, got 2.0"),
        ({"top_labels": True}, "top_labels must be a whole number, 0 or more, got True"),
        ({"flat": "false"}, "flat must be true or false, got 'false'"),
        ({"flat": 0}, "flat must be true or false, got 0"),
        ({"min_scor": 0.5}, f"unknown option 'min_scor' (did you mean 'min_score'?); {KNOWN}"),
        ({"": 1}, f"unknown option ''; {KNOWN}"),
    ],
)
def test_a_wrong_option_is_refused_by_name(options, message):
    with pytest.raises(ValueError) as error:
        Decoding().changed(**options)
    assert str(error.value) == message


def test_options_are_checked_when_decoding_is_made():
    with pytest.raises(ValueError, match="^flat must be true or false, got 'false'$"):
        Decoding(flat="false")


def test_numbers_of_any_library_are_accepted():
    options = {"min_score": np.float32(0.5), "top_labels": np.int64(2), "soft_labels": 0}
    decoding = Decoding().changed(**options)
    assert (decoding.min_score, decoding.top_labels, decoding.soft_labels) == (0.5, 2, 0)


def test_none_keeps_the_value():
    decoding = Decoding(min_score=0.25, flat=True)
    assert decoding.changed(min_score=None, top_labels=1) == Decoding(True, 0.25, 1)
