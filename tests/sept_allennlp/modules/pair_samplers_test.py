import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError

from sept_allennlp.modules.pair_samplers import AllPairs, PairSampler, RandomNegativePairs

# Of 8 pairs, the last 2 are padding, and of the others 2 are related.
MASK = torch.tensor([[True] * 6 + [False] * 2])
RELATED = torch.tensor([[True, False, False, True, False, False, False, True]])


def test_related_pairs_and_the_given_number_of_others_are_kept() -> None:
    torch.manual_seed(1)
    drawn = torch.stack([RandomNegativePairs(2)(RELATED, MASK) for _ in range(300)]).float()
    assert (drawn.sum(dim=-1) == 4).all()
    shares = drawn.mean(dim=0)[0]
    assert shares[[0, 3]].tolist() == [1.0, 1.0]
    assert shares[[6, 7]].tolist() == [0.0, 0.0]
    # Two of four each time.
    assert shares[[1, 2, 4, 5]].tolist() == pytest.approx([0.5] * 4, abs=0.1)


@pytest.mark.parametrize("number, kept", [(0, 2), (3, 5), (4, 6), (100, 6)])
def test_the_number_of_negatives_is_limited_by_the_candidates(number: int, kept: int) -> None:
    assert RandomNegativePairs(number)(RELATED, MASK).sum() == kept


def test_all_pairs() -> None:
    assert AllPairs()(RELATED, MASK).equal(MASK)
    assert isinstance(PairSampler.from_params(Params({"type": "all_pairs"})), AllPairs)


def test_a_batch_without_pairs() -> None:
    nothing = torch.zeros(2, 0, dtype=torch.bool)
    assert RandomNegativePairs()(nothing, nothing).shape == (2, 0)


def test_the_default_is_the_one_that_samples() -> None:
    sampler = PairSampler.from_params(Params({"num_negatives": 7}))
    assert isinstance(sampler, RandomNegativePairs)
    with pytest.raises(ConfigurationError, match="must not be negative, got -1"):
        RandomNegativePairs(-1)
