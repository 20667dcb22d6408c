"""Fields for annotation: each is one tensor with a row per entity, relation or pair."""

from sept_allennlp.data.fields.labeled_fields import LabeledRelationsField, LabeledSpansField
from sept_allennlp.data.fields.soft_fields import SoftRelationsField, SoftSpansField

__all__ = ["LabeledRelationsField", "LabeledSpansField", "SoftRelationsField", "SoftSpansField"]
