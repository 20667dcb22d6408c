"""What an extractor makes of spans is what its counterpart in numpy does."""

import json
from typing import Any, Dict

import numpy as np
import pytest
import torch
from allennlp.common import Params
from allennlp.modules.span_extractors import SpanExtractor
from allennlp.modules.text_field_embedders import BasicTextFieldEmbedder
from allennlp.modules.token_embedders import Embedding

from sept_allennlp.modules.exporting import NotExportable, exported_encoder, exported_pooling
from sept_allennlp.modules.token_embedders import PooledWordPieceEmbedder, WordPieceEmbedder
from sept_runtime.onnx.fields import Fields
from sept_runtime.onnx.poolings import pooling_from_json

DIM = 3
LENGTH = 40
ENDPOINT = {"type": "endpoint", "input_dim": DIM}
EXTRACTORS: Dict[str, Dict[str, Any]] = {
    "max_pool": {"type": "max_pool", "input_dim": DIM},
    "span_width": {"type": "span_width", "input_dim": DIM, "embedding_dim": 5, "max_width": 4},
    "self_attentive_sum": {"type": "self_attentive_sum", "input_dim": DIM},
    "endpoint": ENDPOINT,
    "combined_endpoint": {**ENDPOINT, "combination": "x,y,x*y,x-y,y-x,x+y,x/y"},
    "endpoint_and_width": {**ENDPOINT, "num_width_embeddings": 50, "span_width_embedding_dim": 2},
    "concat": {
        "type": "concat",
        "input_dim": DIM,
        "extractors": [
            {"type": "max_pool"},
            {"type": "span_width", "embedding_dim": 2},
            {"type": "endpoint"},
            {"type": "concat", "extractors": [{"type": "self_attentive_sum"}]},
        ],
    },
}


@pytest.mark.parametrize("name", EXTRACTORS)
def test_both_make_the_same_vectors(name: str) -> None:
    torch.manual_seed(len(name))
    extractor = SpanExtractor.from_params(Params(EXTRACTORS[name])).eval()
    spans = torch.tensor([(s, e) for s in range(LENGTH) for e in range(s, min(s + 20, LENGTH))])
    sequence = torch.randn(LENGTH, DIM)
    with torch.no_grad():
        (expected,) = extractor(sequence.unsqueeze(0), spans.unsqueeze(0))

    exported = exported_pooling(extractor)
    pooling = pooling_from_json(Fields(json.loads(json.dumps(exported.to_json())), "sept.json"))
    assert (pooling.input_dim, pooling.output_dim) == (DIM, extractor.get_output_dim())
    starts, ends = spans.numpy().T
    vectors = np.full((len(spans), pooling.output_dim), np.nan, np.float32)
    pooling.over(sequence.numpy(), widest=20)(starts, ends, vectors)
    np.testing.assert_allclose(vectors, expected.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "params, part",
    [
        ({"type": "bidirectional_endpoint", "input_dim": 4}, "a BidirectionalEndpointSpanExtr"),
        ({**ENDPOINT, "use_exclusive_start_indices": True}, "'endpoint' with exclusive starts"),
        (
            {"type": "concat", "input_dim": 4, "extractors": [{"type": "self_attentive"}]},
            "a SelfAttentiveSpanExtractor",
        ),
    ],
)
def test_what_has_no_counterpart_is_said(params: Dict[str, Any], part: str) -> None:
    with pytest.raises(NotExportable, match=f"^{part}.* cannot be exported"):
        exported_pooling(SpanExtractor.from_params(Params(params)))


def test_only_one_encoder_of_word_pieces(tiny_encoder: str) -> None:
    pieces = WordPieceEmbedder(tiny_encoder)
    assert exported_encoder(BasicTextFieldEmbedder({"tokens": pieces})).windows.content == 62
    for embedders, part in (
        ({"tokens": Embedding(2, num_embeddings=3)}, "a Embedding"),
        ({"tokens": PooledWordPieceEmbedder(tiny_encoder)}, "a PooledWordPieceEmbedder"),
        ({"a": pieces, "b": WordPieceEmbedder(tiny_encoder)}, "a model with 2 token embedders"),
    ):
        with pytest.raises(NotExportable, match=f"^{part} cannot be exported"):
            exported_encoder(BasicTextFieldEmbedder(embedders))
