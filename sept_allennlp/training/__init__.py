from sept_allennlp.training.archive_encoder import ArchiveEncoder
from sept_allennlp.training.bfloat16_trainer import Bfloat16Trainer
from sept_allennlp.training.exponential_average import RecoverableExponentialAverage
from sept_allennlp.training.fused_adamw import FusedAdamW
from sept_allennlp.training.keep_predictions import KeepPredictions
from sept_allennlp.training.last_weights import LastWeights
from sept_allennlp.training.reproducible_randomness import ReproducibleRandomness

__all__ = [
    "ArchiveEncoder",
    "Bfloat16Trainer",
    "FusedAdamW",
    "KeepPredictions",
    "LastWeights",
    "RecoverableExponentialAverage",
    "ReproducibleRandomness",
]
