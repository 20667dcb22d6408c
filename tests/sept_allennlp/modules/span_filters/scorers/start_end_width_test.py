import pytest
import torch
from allennlp.common.checks import ConfigurationError

from sept_allennlp.modules.span_filters.scorers import StartEndWidthScorer


def score(scorer, embedded, spans, lengths):
    """Return the scores of word spans, where every word is one position."""
    mask = spans[..., 0] >= 0
    positions = torch.arange(embedded.size(1)) < torch.tensor(lengths).unsqueeze(1)
    return scorer(embedded, positions, spans, spans[..., 1] - spans[..., 0] + 1, mask)


def test_scores_by_hand_without_convolutions():
    scorer = StartEndWidthScorer(2, max_span_width=3, hidden_dim=2, num_convolutions=0, pair_dim=1)
    with torch.no_grad():
        scorer._projection.weight.copy_(torch.eye(2))
        # A start counts its first number and is worth twice its second to the pair, an end counts
        # ten times its second and is worth its first.
        scorer._start.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
        scorer._end.weight.copy_(torch.tensor([[0.0, 10.0], [1.0, 0.0]]))
        for bias in (scorer._projection.bias, scorer._start.bias, scorer._end.bias):
            bias.zero_()
        scorer._width.copy_(torch.tensor([100.0, 200.0, 300.0]))
    embedded = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]])
    spans = torch.tensor([[[0, 0], [0, 2], [1, 2]]])
    scores = score(scorer.eval(), embedded, spans, [3])
    assert scores.tolist() == [
        [1 + 20 + (2 * 2) * 1 + 100, 1 + 60 + (2 * 2) * 5 + 300, 3 + 60 + (2 * 4) * 5 + 200]
    ]


def test_a_document_scores_the_same_in_any_batch():
    torch.manual_seed(0)
    scorer = StartEndWidthScorer(4, max_span_width=5, hidden_dim=6, pair_dim=3).eval()
    short, long = torch.randn(1, 4, 4), torch.randn(1, 9, 4)
    spans = torch.tensor([[[0, 0], [1, 3], [3, 3]]])
    alone = score(scorer, short, spans, [4])
    padded = torch.cat([torch.cat([short, torch.randn(1, 5, 4)], dim=1), long])
    together = score(scorer, padded, spans.expand(2, -1, -1), [4, 9])
    torch.testing.assert_close(together[:1], alone)


def test_convolutions_see_only_neighbors():
    torch.manual_seed(0)
    scorer = StartEndWidthScorer(4, max_span_width=5, num_convolutions=2, kernel_size=3).eval()
    embedded = torch.randn(1, 9, 4)
    spans = torch.tensor([[[4, 4]]])
    before = score(scorer, embedded, spans, [9])
    for position, changes in ((1, False), (2, True), (6, True), (7, False)):
        other = embedded.clone()
        other[0, position] += 1.0
        assert (score(scorer, other, spans, [9]) != before).item() == changes


def test_padded_spans_and_empty_sequences():
    scorer = StartEndWidthScorer(4, max_span_width=2)
    spans = torch.tensor([[[0, 1], [-1, -1]]])
    assert score(scorer, torch.randn(1, 2, 4), spans, [2]).isfinite().all()
    nothing = torch.full((1, 1, 2), -1)
    assert score(scorer, torch.randn(1, 0, 4), nothing, [0]).tolist() == [[0.0]]


def test_an_even_kernel_is_refused():
    with pytest.raises(ConfigurationError, match="kernel_size must be odd, got 4"):
        StartEndWidthScorer(4, max_span_width=2, kernel_size=4)
