from typing import List

import pytest
import torch
from allennlp.common import Lazy, Params
from allennlp.modules import FeedForward
from allennlp.nn.util import bucket_values

from sept_allennlp.modules.relation_scorers import (
    PooledContextScorer,
    RelatedSpans,
    RelationScorer,
)

# One document of seven words, each a position; two dimensions.
SEQUENCE = torch.tensor(
    [[[1.0, 0.0], [2.0, -1.0], [-3.0, 5.0], [4.0, -2.0], [0.0, 0.0], [7.0, 1.0], [9.0, 9.0]]]
)
# Far apart, a neighbor of the first, one inside another.
SPANS = torch.tensor([[[0, 1], [2, 2], [5, 6], [6, 6]]])
VECTORS = torch.tensor([[[10.0], [20.0], [30.0], [40.0]]])
PROBABILITIES = torch.tensor([[[0.0, 1.0, 0.0], [0.0, 0.5, 0.5], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]])
RELATED = RelatedSpans(
    SEQUENCE, SPANS, SPANS, torch.ones(1, 4, dtype=torch.bool), VECTORS, PROBABILITIES
)


def transparent_scorer() -> PooledContextScorer:
    """Return a scorer whose logits are the representation."""
    scorer = PooledContextScorer(
        span_dim=1, sequence_dim=2, num_classes=3, num_labels=7, label_dim=1, distance_dim=1
    ).eval()
    with torch.no_grad():
        # "No entity" is -1, the labels 1 and 2; the places in the table of distances themselves.
        scorer._label_embedding.weight.copy_(torch.tensor([[-1.0, 1.0, 2.0]]))
        scorer._distance_embedding.weight.copy_(torch.arange(20.0).unsqueeze(1))
        scorer._output.weight.copy_(torch.eye(7))
        scorer._output.bias.zero_()
    return scorer


@pytest.mark.parametrize(
    "pair, expected",
    [
        # Head's vector and label, tail's; the maximum over words 2 to 4; three words.
        ([0, 2], [10, 1, 30, -1, 4, 5, 3]),
        # The same from the other end, ten places on.
        ([2, 0], [30, -1, 10, 1, 4, 5, 13]),
        # Neighbors have nothing between them.
        ([0, 1], [10, 1, 20, 1.5, 0, 0, 0]),
        ([1, 2], [20, 1.5, 30, -1, 4, 0, 2]),
        # Nor has what overlaps.
        ([2, 3], [30, -1, 40, 2, 0, 0, 0]),
        ([3, 2], [40, 2, 30, -1, 0, 0, 10]),
        # Five to seven words share a bucket.
        ([3, 0], [40, 2, 10, 1, 7, 5, 14]),
    ],
)
def test_the_representation_of_a_pair(pair: List[int], expected: List[float]) -> None:
    logits = transparent_scorer()(RELATED, torch.tensor([[pair]]), torch.tensor([[True]]))
    assert logits.tolist() == [expected]


def test_padded_pairs_are_left_out() -> None:
    scorer = transparent_scorer()
    batch = RelatedSpans(*(torch.cat([tensor, tensor]) for tensor in RELATED))
    pairs = torch.tensor([[[0, 2], [-1, -1]], [[2, 0], [0, 1]]])
    mask = torch.tensor([[True, False], [True, True]])
    expected = [scorer(RELATED, pairs[:1, :1], mask[:1, :1])]
    expected.append(scorer(RELATED, pairs[1:], mask[1:]))
    assert scorer(batch, pairs, mask).equal(torch.cat(expected))


def test_positions_need_not_be_words() -> None:
    """The context is that of positions, the distance that of words."""
    # The word between the first two has four pieces.
    words, positions = torch.tensor([[[0, 0], [2, 2]]]), torch.tensor([[[0, 0], [5, 5]]])
    spans = RelatedSpans(
        SEQUENCE, words, positions, RELATED.mask[:, :2], VECTORS[:, :2], PROBABILITIES[:, :2]
    )
    logits = transparent_scorer()(spans, torch.tensor([[[0, 1]]]), torch.tensor([[True]]))
    assert logits.tolist() == [[10, 1, 20, 1.5, 4, 5, 1]]


def test_an_mlp_may_precede_the_output() -> None:
    feedforward = {"num_layers": 1, "hidden_dims": 4, "activations": "relu"}
    scorer = RelationScorer.from_params(
        Params({"type": "pooled_context", "feedforward": feedforward}),
        span_dim=1,
        sequence_dim=2,
        num_classes=3,
        num_labels=5,
    )
    # Two vectors with labels of 25 dimensions, the context, the distance.
    assert scorer._feedforward._linear_layers[0].in_features == 2 * (1 + 25) + 2 + 25
    pairs = torch.tensor([[[0, 1], [1, 0], [0, 2]]])
    logits = scorer(RELATED, pairs, torch.ones(1, 3, dtype=torch.bool))
    assert logits.shape == (3, 5)
    logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in scorer.parameters())


def test_constructed_by_hand() -> None:
    lazy = Lazy(
        FeedForward, params=Params({"num_layers": 1, "hidden_dims": 4, "activations": "relu"})
    )
    assert PooledContextScorer(1, 2, 3, 5, feedforward=lazy)._output.in_features == 4


def test_distances_are_in_the_buckets_of_allennlp() -> None:
    scorer = PooledContextScorer(3, 2, 4, 5)
    first, second = [[0, 0], [0, 1]], [[0, 0]]
    for distance in range(130):
        words = torch.tensor([[*second, [1 + distance, 1 + distance]]])
        pairs = torch.tensor([[0]]), torch.tensor([[1]])
        expected = int(bucket_values(torch.tensor([distance]), num_total_buckets=10))
        assert scorer._distance_and_order(words, *pairs).tolist() == [[expected]]
        assert scorer._distance_and_order(words, *pairs[::-1]).tolist() == [[10 + expected]]
    words = torch.tensor([first])
    assert scorer._distance_and_order(words, *pairs[::-1]).tolist() == [[10]]
