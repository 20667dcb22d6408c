import torch
from allennlp.common import Params

from sept_allennlp.modules.span_filters.scorers import PooledScorer, SpanScorer

PARAMS = {
    "type": "pooled",
    "span_extractor": {"type": "max_pool"},
    "feedforward": {"num_layers": 1, "hidden_dims": 5, "activations": "relu"},
}


def pooled(**params) -> PooledScorer:
    torch.manual_seed(0)
    return SpanScorer.from_params(Params({**PARAMS, **params}), input_dim=3, max_span_width=4)


def score(scorer, embedded, spans):
    mask = spans[..., 0] >= 0
    positions = torch.ones(embedded.size()[:2], dtype=torch.bool)
    return scorer(embedded, positions, spans, spans[..., 1] - spans[..., 0] + 1, mask)


def test_is_the_mlp_of_the_maximum():
    scorer = pooled()
    embedded = torch.randn(2, 6, 3)
    spans = torch.tensor([[[0, 3], [2, 2]], [[4, 5], [-1, -1]]])
    scores = score(scorer, embedded, spans)
    for row, column in ((0, 0), (0, 1), (1, 0)):
        start, end = spans[row, column].tolist()
        vector = embedded[row, start : end + 1].amax(dim=0)
        expected = scorer._output(scorer._feedforward(vector)).squeeze()
        torch.testing.assert_close(scores[row, column], expected)


def test_chunks_change_nothing():
    embedded = torch.randn(2, 6, 3)
    spans = torch.tensor([[[0, 3], [1, 1], [2, 2], [3, 5]], [[0, 0], [4, 5], [-1, -1], [-1, -1]]])
    there = spans[..., 0] >= 0
    at_once = score(pooled().eval(), embedded, spans)
    in_chunks = score(pooled(max_spans_per_chunk=2).eval(), embedded, spans)
    torch.testing.assert_close(in_chunks[there], at_once[there])


def test_no_spans():
    nothing = torch.full((1, 1, 2), -1)
    assert score(pooled(), torch.randn(1, 0, 3), nothing).shape == (1, 1)
