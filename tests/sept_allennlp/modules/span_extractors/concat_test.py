import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.modules.span_extractors import EndpointSpanExtractor, SpanExtractor

from sept_allennlp.modules.span_extractors import ConcatSpanExtractor, MaxPoolSpanExtractor

SEQUENCE = torch.tensor([[[1.0, 9.0], [5.0, 2.0], [3.0, 4.0]]])


def test_by_hand():
    extractor = ConcatSpanExtractor([MaxPoolSpanExtractor(2), EndpointSpanExtractor(2)])
    assert (extractor.get_input_dim(), extractor.get_output_dim()) == (2, 6)
    vectors = extractor(SEQUENCE, torch.tensor([[[0, 2], [1, 1]]]))
    assert vectors.tolist() == [[[5, 9, 1, 9, 3, 4], [5, 2, 5, 2, 5, 2]]]


@pytest.mark.parametrize("type_", ["endpoint", "self_attentive", "bidirectional_endpoint"])
def test_allennlps_extractors_take_padded_spans_as_a_part(type_):
    params = {"type": "concat", "input_dim": 2, "extractors": [{"type": type_}]}
    extractor = SpanExtractor.from_params(Params(params))
    spans = torch.tensor([[[0, 2], [-1, -1]]])
    vectors = extractor(SEQUENCE, spans)
    assert vectors[0, 0].any() and not vectors[0, 1].any()
    alone = SpanExtractor.from_params(Params({"type": type_, "input_dim": 2}))
    alone.load_state_dict(extractor._extractors[0].state_dict())
    assert vectors[:, :1].equal(alone(SEQUENCE, spans[:, :1]))


def test_a_configuration_may_give_sizes_or_leave_them_out():
    params = {
        "type": "concat",
        "input_dim": 2,
        "extractors": [
            {"type": "max_pool"},
            {"type": "span_width", "embedding_dim": 7},
            {"type": "concat", "extractors": [{"type": "endpoint", "input_dim": 2}]},
        ],
    }
    assert SpanExtractor.from_params(Params(params)).get_output_dim() == 2 + 7 + 4


def test_parts_of_other_sizes_and_no_parts_are_refused():
    with pytest.raises(ConfigurationError, match=r"the same input dimension, got \[2, 3\]"):
        ConcatSpanExtractor([MaxPoolSpanExtractor(2), MaxPoolSpanExtractor(3)])
    with pytest.raises(ConfigurationError, match="at least one"):
        ConcatSpanExtractor([])
