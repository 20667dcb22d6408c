from sept_allennlp.modules.span_filters.scorers.pooled import PooledScorer
from sept_allennlp.modules.span_filters.scorers.span_scorer import SpanScorer
from sept_allennlp.modules.span_filters.scorers.start_end_width import StartEndWidthScorer

__all__ = ["PooledScorer", "SpanScorer", "StartEndWidthScorer"]
