from sept_allennlp.fields.labeled_relations_field import LabeledRelationsField
from sept_allennlp.fields.labeled_spans_field import LabeledSpansField

__all__ = ["LabeledRelationsField", "LabeledSpansField"]
