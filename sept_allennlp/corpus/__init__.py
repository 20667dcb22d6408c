"""What `sept_runtime.corpus` needs to annotate a corpus by a trained model's archive."""

from sept_allennlp.corpus.prediction import ArchiveShardPredictor

__all__ = ["ArchiveShardPredictor"]
