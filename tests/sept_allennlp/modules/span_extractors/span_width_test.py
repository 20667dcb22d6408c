import pytest
import torch
from allennlp.common.checks import ConfigurationError

from sept_allennlp.modules.span_extractors import SpanWidthExtractor


def test_equal_widths_have_equal_vectors_and_wide_spans_share_one():
    extractor = SpanWidthExtractor(input_dim=5, embedding_dim=4, max_width=3)
    spans = torch.tensor([[[0, 0], [3, 3], [0, 1], [2, 4], [0, 3], [0, 5], [-1, -1]]])
    vectors = extractor(torch.randn(1, 6, 5), spans)[0]
    assert vectors.shape == (7, 4)
    assert vectors[0].equal(vectors[1])
    assert not vectors[0].equal(vectors[2])
    # Widths of 3, 4 and 6.
    assert vectors[3].equal(vectors[4]) and vectors[3].equal(vectors[5])
    assert not vectors[6].any()


def test_the_mask_says_what_is_padded():
    extractor = SpanWidthExtractor(input_dim=5, embedding_dim=4)
    spans = torch.tensor([[[0, 0], [7, 2]]])
    mask = torch.tensor([[True, False]])
    vectors = extractor(torch.randn(1, 6, 5), spans, span_indices_mask=mask)[0]
    assert vectors[0].any() and not vectors[1].any()


def test_no_width_is_refused():
    with pytest.raises(ConfigurationError, match="max_width must be at least 1"):
        SpanWidthExtractor(input_dim=5, max_width=0)
