import pytest
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError

from sept_allennlp.modules.decoding import Decoding


def test_a_configuration_makes_one():
    decoding = Decoding.from_params(Params({"flat": True, "min_score": 0.25}))
    assert (decoding.flat, decoding.min_score, decoding.top_labels) == (True, 0.25, 0)
    decoding = Decoding.from_params(Params({"min_relation_score": 0.5}))
    assert (decoding.min_score, decoding.min_relation_score) == (0.0, 0.5)


def test_options_out_of_range_are_an_error_of_the_configuration():
    with pytest.raises(ConfigurationError, match="min_score must be a number between 0 and 1"):
        Decoding.from_params(Params({"min_score": 2}))
