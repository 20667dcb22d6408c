from sept_allennlp.span_filter.scorers.pooled import PooledScorer
from sept_allennlp.span_filter.scorers.span_scorer import SpanScorer
from sept_allennlp.span_filter.scorers.start_end_width import StartEndWidthScorer

__all__ = ["PooledScorer", "SpanScorer", "StartEndWidthScorer"]
