import torch
from allennlp.common import Params

from sept_allennlp.modules.span_samplers import AllSpans, SpanSampler


def test_keeps_every_candidate_and_no_padding():
    labels = torch.tensor([[0, 2, 0, 0], [1, 0, 0, 0]])
    mask = torch.tensor([[True, True, True, True], [True, True, False, False]])
    sampler = SpanSampler.from_params(Params({"type": "all_spans"}))
    assert isinstance(sampler, AllSpans)
    assert sampler(labels, mask).equal(mask)
    assert sampler.log_rates(labels, mask, mask).tolist() == [0.0, 0.0]
