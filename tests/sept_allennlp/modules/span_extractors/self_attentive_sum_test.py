import pytest
import torch
from allennlp.common import Params
from allennlp.modules.span_extractors import SelfAttentiveSpanExtractor, SpanExtractor
from hypothesis import given
from hypothesis import strategies as st

from sept_allennlp.modules.span_extractors import SelfAttentiveSumSpanExtractor

DIM = 3


def with_the_same_weights() -> tuple:
    ours, theirs = SelfAttentiveSumSpanExtractor(DIM), SelfAttentiveSpanExtractor(DIM)
    theirs._global_attention._module.load_state_dict(ours._global_attention.state_dict())
    return ours, theirs


@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(1, 12), st.integers(1, 9))
def test_values_and_gradients_are_those_of_allennlps(seed, batch_size, length, num_spans):
    torch.manual_seed(seed)
    sequence = torch.randn(batch_size, length, DIM)
    starts = torch.randint(length, (batch_size, num_spans))
    widths = torch.randint(1, length + 1, (batch_size, num_spans))
    spans = torch.stack([starts, (starts + widths - 1).clamp(max=length - 1)], dim=-1)
    weights = torch.randn(batch_size, num_spans, DIM)
    results = []
    for extractor in with_the_same_weights():
        leaf = sequence.clone().requires_grad_()
        vectors = extractor(leaf, spans)
        (vectors * weights).sum().backward()
        (scorer,) = [p.grad for n, p in extractor.named_parameters() if n.endswith("weight")]
        results.append([vectors, leaf.grad, scorer])
    torch.testing.assert_close(*results, atol=1e-5, rtol=1e-4)


def test_by_hand():
    extractor = SelfAttentiveSumSpanExtractor(1)
    torch.nn.init.ones_(extractor._global_attention.weight)
    torch.nn.init.zeros_(extractor._global_attention.bias)
    # The score of a position is its value: weights are 1 : 3 : 1 for ln 1, ln 3, ln 1.
    sequence = torch.tensor([1.0, 3.0, 1.0]).log().view(1, 3, 1)
    spans = torch.tensor([[[0, 1], [0, 2], [2, 2]]])
    ln3 = sequence[0, 1, 0].item()
    vectors = extractor(sequence, spans).flatten().tolist()
    assert vectors == pytest.approx([3 / 4 * ln3, 3 / 5 * ln3, 0.0])


def test_padded_spans_are_zero_and_pass_no_gradient_on():
    sequence = torch.randn(1, 4, DIM, requires_grad=True)
    spans = torch.tensor([[[1, 2], [-1, -1], [-1, -1]]])
    vectors = SelfAttentiveSumSpanExtractor(DIM)(sequence, spans)
    assert vectors[0, 0].any() and not vectors[0, 1:].any()
    vectors[0, 1:].sum().backward()
    assert not sequence.grad.any()


def test_no_spans():
    extractor = SelfAttentiveSumSpanExtractor(DIM)
    no_spans = torch.zeros(2, 0, 2, dtype=torch.long)
    assert extractor(torch.randn(2, 5, DIM), no_spans).shape == (2, 0, DIM)


def test_invalid_spans_are_refused():
    with pytest.raises(ValueError, match="inside the sequence of 4 positions"):
        SelfAttentiveSumSpanExtractor(DIM)(torch.randn(1, 4, DIM), torch.tensor([[[2, 4]]]))


def test_is_registered():
    extractor = SpanExtractor.from_params(Params({"type": "self_attentive_sum", "input_dim": 3}))
    assert isinstance(extractor, SelfAttentiveSumSpanExtractor)
    assert extractor.get_input_dim() == extractor.get_output_dim() == 3
