"""Counts of entities and relations over a corpus of predictions."""

from sept_runtime.analysis.counts import CorpusCounts, EntityCount, PairCount, count_predictions
from sept_runtime.analysis.names import find_acronyms, fold_name

__all__ = [
    "CorpusCounts",
    "EntityCount",
    "PairCount",
    "count_predictions",
    "find_acronyms",
    "fold_name",
]
