from sept_allennlp.data.fields.labeled_relations_field import LabeledRelationsField
from sept_allennlp.data.fields.labeled_spans_field import LabeledSpansField
from sept_allennlp.data.fields.soft_spans_field import SoftSpansField

__all__ = ["LabeledRelationsField", "LabeledSpansField", "SoftSpansField"]
