import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from hypothesis import given, settings
from hypothesis import strategies as st

from sept_allennlp.modules.span_samplers import AllSpans, RandomNegatives, SpanSampler


@settings(deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 12)), min_size=1, max_size=4),
    st.integers(0, 15),
)
def test_every_positive_and_the_requested_number_of_negatives_are_kept(documents, num_negatives):
    # Per document how many positives and how many negatives it has.
    size = max(sum(counts) for counts in documents)
    labels = torch.zeros(len(documents), size, dtype=torch.long)
    mask = torch.zeros(len(documents), size, dtype=torch.bool)
    for row, (positives, negatives) in enumerate(documents):
        places = torch.randperm(positives + negatives)
        mask[row, : positives + negatives] = True
        labels[row, places[:positives]] = torch.randint(1, 7, (positives,))
    keep = RandomNegatives(num_negatives)(labels, mask)
    assert keep.dtype == torch.bool and keep.shape == mask.shape
    assert not keep[~mask].any()
    assert keep[labels > 0].all()
    for row, (_, negatives) in enumerate(documents):
        assert (keep[row] & (labels[row] == 0)).sum() == min(num_negatives, negatives)


def test_a_batch_without_candidates():
    keep = RandomNegatives(5)(
        torch.zeros(2, 0, dtype=torch.long), torch.zeros(2, 0, dtype=torch.bool)
    )
    assert keep.shape == (2, 0)


def test_negatives_and_pairs_of_negatives_are_drawn_uniformly():
    draws, num_negatives, p = 20_000, 12, 5
    # Three positives among them, and two places of padding after them.
    labels = torch.zeros(draws, num_negatives + 5, dtype=torch.long)
    labels[:, [0, 4, 9]] = 1
    mask = torch.ones_like(labels, dtype=torch.bool)
    mask[:, -2:] = False
    torch.manual_seed(1)
    keep = RandomNegatives(p)(labels, mask)
    drawn = keep[mask & (labels == 0)].view(draws, num_negatives).double()
    counts = drawn.t() @ drawn

    def within_five_deviations(count, probability):
        deviation = (draws * probability * (1 - probability)) ** 0.5
        return (count - draws * probability).abs() < 5 * deviation

    assert within_five_deviations(counts.diagonal(), p / num_negatives).all()
    pairs = counts[~torch.eye(num_negatives, dtype=torch.bool)]
    pair_probability = p * (p - 1) / (num_negatives * (num_negatives - 1))
    assert within_five_deviations(pairs, pair_probability).all()


def test_torchs_seed_decides_the_sample():
    labels = torch.zeros(2, 100, dtype=torch.long)
    mask = torch.ones(2, 100, dtype=torch.bool)
    sampler = RandomNegatives(10)
    torch.manual_seed(7)
    first, second = sampler(labels, mask), sampler(labels, mask)
    torch.manual_seed(7)
    again = sampler(labels, mask)
    assert again.equal(first)
    assert not second.equal(first)
    assert not first[0].equal(first[1])


def test_zero_negatives_keep_the_positives():
    labels = torch.tensor([[0, 3, 0, 0]])
    mask = torch.tensor([[True, True, True, False]])
    assert RandomNegatives(0)(labels, mask).tolist() == [[False, True, False, False]]


def test_a_negative_number_is_refused():
    with pytest.raises(ConfigurationError, match="-1"):
        RandomNegatives(-1)


def test_the_rates_are_the_shares_of_negatives_that_are_kept():
    # Of 4 negatives 2, of 1 all, of none all, beside 1, 2 and 1 entities and padding.
    labels = torch.tensor([[0, 1, 0, 0, 0], [2, 1, 0, 0, 0], [3, 0, 0, 0, 0]])
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]]).bool()
    sampler = RandomNegatives(2)
    rates = sampler.log_rates(labels, mask, sampler(labels, mask)).exp()
    assert rates.tolist() == pytest.approx([0.5, 1.0, 1.0])
    # Infinitely unlikely would do to no logit.
    sampler = RandomNegatives(0)
    rates = sampler.log_rates(labels, mask, sampler(labels, mask)).exp()
    assert rates.tolist() == pytest.approx([0.25, 1.0, 1.0])


def test_is_registered_and_the_default():
    sampler = SpanSampler.from_params(Params({"type": "random_negatives", "num_negatives": 1}))
    assert isinstance(sampler, RandomNegatives)
    mask = torch.ones(1, 300, dtype=torch.bool)
    assert sampler(torch.zeros(1, 300, dtype=torch.long), mask).sum() == 1
    default = SpanSampler.from_params(Params({}))
    assert isinstance(default, RandomNegatives)
    assert default(torch.zeros(1, 300, dtype=torch.long), mask).sum() == 250


def test_keeps_every_candidate_and_no_padding():
    labels = torch.tensor([[0, 2, 0, 0], [1, 0, 0, 0]])
    mask = torch.tensor([[True, True, True, True], [True, True, False, False]])
    sampler = SpanSampler.from_params(Params({"type": "all_spans"}))
    assert isinstance(sampler, AllSpans)
    assert sampler(labels, mask).equal(mask)
    assert sampler.log_rates(labels, mask, mask).tolist() == [0.0, 0.0]


def test_the_number_of_negatives_rises_and_is_kept_with_the_weights() -> None:
    labels, mask = torch.zeros(2, 40, dtype=torch.long), torch.ones(2, 40, dtype=torch.bool)
    options = {"num_negatives": 10, "initial_negatives": 2, "num_rising_steps": 4}
    sampler = RandomNegatives(**options)
    # 2, 2 + 8 / 4, ..., for each document.
    numbers = [sampler(labels, mask).sum(dim=1).tolist() for _ in range(6)]
    assert numbers == [[n, n] for n in (2, 4, 6, 8, 10, 10)]
    recovered = RandomNegatives(**options)
    sampler = RandomNegatives(**options)
    sampler(labels, mask)
    recovered.load_state_dict(sampler.state_dict())
    assert recovered(labels, mask).sum(dim=1).tolist() == [4, 4]
    assert not RandomNegatives(10).state_dict()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"initial_negatives": -1}, "initial_negatives must not be negative, got -1"),
        ({"num_rising_steps": 0}, "num_rising_steps must be at least 1, got 0"),
    ],
)
def test_a_wrong_number_is_refused(options, message) -> None:
    with pytest.raises(ConfigurationError, match=message):
        RandomNegatives(**options)
