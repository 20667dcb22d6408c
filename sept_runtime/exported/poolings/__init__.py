"""How exported models make vectors of spans, in numpy."""

from sept_runtime.exported.poolings.concat import Concat
from sept_runtime.exported.poolings.endpoint import Endpoint
from sept_runtime.exported.poolings.max_pool import MaxPool
from sept_runtime.exported.poolings.self_attentive_sum import SelfAttentiveSum
from sept_runtime.exported.poolings.span_pooling import Pool, SpanPooling, pooling_from_json
from sept_runtime.exported.poolings.span_width import SpanWidth

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
