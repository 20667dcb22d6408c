"""Dataset readers, fields, token indexers and the data collator."""

from sept_allennlp.data import dataset_readers, fields, mlm_collator, token_indexers

__all__ = ["dataset_readers", "fields", "mlm_collator", "token_indexers"]
