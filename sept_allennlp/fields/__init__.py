from sept_allennlp.fields.labeled_spans_field import LabeledSpansField

__all__ = ["LabeledSpansField"]
