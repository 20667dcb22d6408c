import pytest
import torch
from allennlp.common import Params
from allennlp.modules.span_extractors import SpanExtractor
from hypothesis import given, settings
from hypothesis import strategies as st

from sept_allennlp.modules.span_extractors import MaxPoolSpanExtractor

DIM = 3


def brute_force(sequence: torch.Tensor, spans: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    rows = []
    for row, row_spans, row_mask in zip(sequence, spans.tolist(), mask.tolist(), strict=True):
        rows.append(
            torch.stack(
                [
                    row[start : end + 1].max(dim=0).values if there else 0 * row[0]
                    for (start, end), there in zip(row_spans, row_mask, strict=True)
                ]
            )
        )
    return torch.stack(rows)


@st.composite
def pooling_problems(draw):
    """Return a random sequence and random spans of it, some of them padding."""
    torch.manual_seed(draw(st.integers(0, 2**32)))
    batch_size, length = draw(st.integers(1, 3)), draw(st.integers(1, 20))
    num_spans = draw(st.integers(1, 12))
    max_width = draw(st.integers(1, length))
    sequence = torch.randn(batch_size, length, DIM)
    starts = torch.randint(length, (batch_size, num_spans))
    widths = torch.randint(1, max_width + 1, (batch_size, num_spans))
    spans = torch.stack([starts, (starts + widths - 1).clamp(max=length - 1)], dim=-1)
    mask = torch.rand(batch_size, num_spans) < draw(st.sampled_from([0.5, 1.0]))
    return sequence, spans.masked_fill(~mask.unsqueeze(-1), -1), mask


@settings(deadline=None, derandomize=True, max_examples=200)
@given(pooling_problems(), st.booleans())
def test_values_and_gradients_are_those_of_the_maximum_over_each_span(problem, mask_given):
    sequence, spans, mask = problem
    extractor = MaxPoolSpanExtractor(DIM)
    ours, direct = sequence.clone().requires_grad_(), sequence.clone().requires_grad_()
    pooled = extractor(ours, spans, span_indices_mask=mask if mask_given else None)
    expected = brute_force(direct, spans, mask)
    assert pooled.equal(expected)

    weights = torch.randn_like(pooled)
    (pooled * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(ours.grad, direct.grad)


def test_gradcheck_in_double_precision():
    torch.manual_seed(0)
    sequence = torch.randn(2, 7, DIM, dtype=torch.double, requires_grad=True)
    spans = torch.tensor([[[0, 6], [2, 4], [3, 3]], [[1, 6], [5, 6], [-1, -1]]])
    extractor = MaxPoolSpanExtractor(DIM)
    assert torch.autograd.gradcheck(lambda s: extractor(s, spans), (sequence,))


def test_a_batch_by_hand():
    sequence = torch.tensor([[[1.0, -4.0], [3.0, -5.0], [2.0, -6.0]]])
    spans = torch.tensor([[[0, 2], [1, 2], [2, 2], [0, 0]]])
    pooled = MaxPoolSpanExtractor(2)(sequence, spans)
    assert pooled.tolist() == [[[3.0, -4.0], [3.0, -5.0], [2.0, -6.0], [1.0, -4.0]]]


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 8, 9, 31, 32, 33])
def test_a_span_as_long_as_its_sequence(length):
    sequence = torch.randn(2, length, DIM)
    spans = torch.tensor([[[0, length - 1]], [[0, length - 1]]])
    assert MaxPoolSpanExtractor(DIM)(sequence, spans).equal(sequence.amax(dim=1, keepdim=True))


def test_padded_spans_may_hold_anything_where_the_mask_says_so():
    sequence = torch.randn(1, 4, DIM)
    spans = torch.tensor([[[1, 2], [0, 99], [3, 1], [-7, -9]]])
    mask = torch.tensor([[True, False, False, False]])
    pooled = MaxPoolSpanExtractor(DIM)(sequence, spans, span_indices_mask=mask)
    assert pooled[0, 0].equal(sequence[0, 1:3].amax(dim=0))
    assert not pooled[0, 1:].any()


def test_padded_spans_pass_no_gradient_on():
    sequence = torch.randn(1, 4, DIM, requires_grad=True)
    MaxPoolSpanExtractor(DIM)(sequence, torch.tensor([[[-1, -1]]])).sum().backward()
    assert not sequence.grad.any()


def test_equal_maxima_share_the_gradient():
    sequence = torch.tensor([[[2.0], [1.0], [2.0]]], requires_grad=True)
    MaxPoolSpanExtractor(1)(sequence, torch.tensor([[[0, 2]]])).sum().backward()
    assert sequence.grad.flatten().tolist() == [0.5, 0.0, 0.5]


def test_no_spans():
    extractor = MaxPoolSpanExtractor(DIM)
    no_spans = torch.zeros(2, 0, 2, dtype=torch.long)
    assert extractor(torch.randn(2, 5, DIM), no_spans).shape == (2, 0, DIM)
    assert extractor(torch.randn(2, 0, DIM), no_spans).shape == (2, 0, DIM)


# Of how AllenNLP's copies the indices.
@pytest.mark.filterwarnings("ignore:To copy construct from a tensor:UserWarning")
def test_equals_allennlps_extractor_on_an_unpadded_batch():
    torch.manual_seed(0)
    sequence = torch.randn(2, 9, DIM)
    spans = torch.tensor([[[0, 8], [2, 4], [5, 5]], [[1, 6], [7, 8], [0, 0]]])
    theirs = SpanExtractor.from_params(Params({"type": "max_pooling", "input_dim": DIM}))
    assert MaxPoolSpanExtractor(DIM)(sequence, spans).equal(theirs(sequence, spans))


@pytest.mark.parametrize(
    "span", [[0, 4], [4, 4], [2, 1], [1, -1]], ids=["end", "start", "reversed", "negative end"]
)
def test_invalid_spans_are_refused(span):
    spans = torch.tensor([[[0, 0], span]])
    with pytest.raises(ValueError, match="inside the sequence of 4 positions"):
        MaxPoolSpanExtractor(DIM)(torch.randn(1, 4, DIM), spans)


def test_a_negative_start_that_the_mask_calls_a_span_is_refused():
    with pytest.raises(ValueError, match="starts from -1"):
        MaxPoolSpanExtractor(DIM)(
            torch.randn(1, 4, DIM),
            torch.tensor([[[-1, 2]]]),
            span_indices_mask=torch.ones(1, 1, dtype=torch.bool),
        )


def test_spans_of_a_sequence_without_positions_are_refused():
    with pytest.raises(ValueError, match="inside the sequence of 0 positions"):
        MaxPoolSpanExtractor(DIM)(torch.randn(1, 0, DIM), torch.tensor([[[0, 0]]]))
    padded = MaxPoolSpanExtractor(DIM)(torch.randn(1, 0, DIM), torch.tensor([[[-1, -1]]]))
    assert padded.tolist() == [[[0.0] * DIM]]


def test_is_registered():
    extractor = SpanExtractor.from_params(Params({"type": "max_pool", "input_dim": DIM}))
    assert isinstance(extractor, MaxPoolSpanExtractor)
    assert extractor.get_input_dim() == extractor.get_output_dim() == DIM


@pytest.mark.parametrize("dtype", [torch.half, torch.bfloat16, torch.double])
def test_other_precisions(dtype):
    torch.manual_seed(0)
    sequence = torch.randn(2, 6, DIM).to(dtype)
    spans = torch.tensor([[[0, 5], [1, 3]], [[4, 4], [-1, -1]]])
    pooled = MaxPoolSpanExtractor(DIM)(sequence, spans)
    assert pooled.dtype == dtype
    assert pooled.equal(brute_force(sequence, spans, spans[..., 0] >= 0))


def test_under_autocast():
    torch.manual_seed(0)
    linear = torch.nn.Linear(DIM, DIM)
    inputs = torch.randn(1, 6, DIM)
    spans = torch.tensor([[[0, 5], [1, 3], [-1, -1]]])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        sequence = linear(inputs)
        pooled = MaxPoolSpanExtractor(DIM)(sequence, spans)
    assert sequence.dtype == torch.bfloat16
    assert pooled.equal(brute_force(sequence, spans, spans[..., 0] >= 0))
    pooled.float().sum().backward()
    assert linear.weight.grad.isfinite().all() and linear.weight.grad.any()
