"""Parts of models: candidates, samplers, extractors, filters, relations, decoding."""

from sept_allennlp.modules import (
    pair_samplers,
    relation_scorers,
    span_extractors,
    span_filters,
    span_samplers,
    token_embedders,
)

__all__ = [
    "pair_samplers",
    "relation_scorers",
    "span_extractors",
    "span_filters",
    "span_samplers",
    "token_embedders",
]
