"""The part of corpus annotation that needs AllenNLP: workers that load an archive."""

from sept_allennlp.corpus.prediction import ArchiveShardPredictor

__all__ = ["ArchiveShardPredictor"]
