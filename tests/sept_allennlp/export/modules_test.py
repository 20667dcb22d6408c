"""A head's graph gives the vectors of the span extractor that it was traced from."""

from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest
import torch
from allennlp.common import Params, Registrable
from allennlp.modules.span_extractors import SpanExtractor

from sept_allennlp.export.graphs import write_head
from sept_allennlp.export.modules import PooledHead
from sept_runtime.onnx.graph import Graph, span_head_signature
from sept_runtime.onnx.heads import Spans, score_spans
from sept_runtime.onnx.sessions import find_engine
from tests.documentation_test import blocks

pytestmark = pytest.mark.exports

DIM = 4
# Every extractor of this package and of AllenNLP, and the one that the documentation shows.
PARTS: List[Dict[str, Any]] = [
    {"type": "max_pool"},
    {"type": "span_width", "embedding_dim": 5, "max_width": 4},
    {"type": "self_attentive_sum"},
    {"type": "endpoint", "combination": "x,y,x*y,x-y"},
    {"type": "endpoint", "num_width_embeddings": 50, "span_width_embedding_dim": 2},
    {
        "type": "endpoint",
        "use_exclusive_start_indices": True,
        "num_width_embeddings": 10,
        "span_width_embedding_dim": 2,
        "bucket_widths": True,
    },
    {"type": "self_attentive"},
    {"type": "bidirectional_endpoint"},
    {"type": "mean_pool"},
    {"type": "concat", "extractors": [{"type": "max_pool"}]},
]


def test_the_same_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Another test of this process may have registered the documented part.
    registered = {**Registrable._registry[SpanExtractor]}
    registered.pop("mean_pool", None)
    monkeypatch.setitem(Registrable._registry, SpanExtractor, registered)
    exec(blocks("A span extractor")[0][1], {"__name__": "documented"})
    torch.manual_seed(1)
    params = Params({"type": "concat", "input_dim": DIM, "extractors": PARTS})
    extractor = SpanExtractor.from_params(params).eval()
    signature = span_head_signature(DIM, extractor.get_output_dim())
    write_head(PooledHead(extractor, torch.nn.Identity()), signature, tmp_path / "head.onnx")
    engine = find_engine("onnxruntime", "float32", threads=1)
    head = Graph(tmp_path / "head.onnx", signature, engine)

    # Documents of different lengths, one of them with a single position.
    lengths = [40, 1, 7, 33]
    borders = np.cumsum([0, *lengths])
    vectors = torch.randn(sum(lengths), DIM)
    expected, positions, counts = [], [], [0]
    for first, length in zip(borders.tolist(), lengths):
        spans = [(s, e) for s in range(length) for e in range(s, min(s + 25, length))]
        with torch.no_grad():
            (found,) = extractor(vectors[None, first : first + length], torch.tensor([spans]))
        expected.append(found.numpy())
        positions += [(first + start, first + end) for start, end in spans]
        counts.append(len(spans))
    words = np.array(positions, np.int64)
    batch = Spans(words, words, np.cumsum(counts))
    for rows, positions in ((2048, 512), (50, 512), (2048, 45)):
        monkeypatch.setattr("sept_runtime.onnx.heads._MAX_ROWS", rows)
        monkeypatch.setattr("sept_runtime.onnx.heads._MAX_POSITIONS", positions)
        scores = score_spans(head, vectors.numpy(), borders, batch)
        np.testing.assert_allclose(scores, np.concatenate(expected), rtol=1e-4, atol=1e-5)
