from sept_allennlp.modules.relation_scorers.pooled_context import PooledContextScorer
from sept_allennlp.modules.relation_scorers.relation_scorer import RelatedSpans, RelationScorer

__all__ = ["PooledContextScorer", "RelatedSpans", "RelationScorer"]
