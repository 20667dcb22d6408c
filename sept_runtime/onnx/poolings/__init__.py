"""How exported models make vectors of spans, in numpy."""

from sept_runtime.onnx.poolings.concat import Concat
from sept_runtime.onnx.poolings.endpoint import Endpoint
from sept_runtime.onnx.poolings.max_pool import MaxPool
from sept_runtime.onnx.poolings.self_attentive_sum import SelfAttentiveSum
from sept_runtime.onnx.poolings.span_pooling import Pool, SpanPooling, pooling_from_json
from sept_runtime.onnx.poolings.span_width import SpanWidth

__all__ = [
    "Concat",
    "Endpoint",
    "MaxPool",
    "Pool",
    "SelfAttentiveSum",
    "SpanPooling",
    "SpanWidth",
    "pooling_from_json",
]
