"""Callbacks of AllenNLP's trainer."""

from sept_allennlp.training.callbacks.archive_encoder import ArchiveEncoder
from sept_allennlp.training.callbacks.calibrate_scores import CalibrateScores
from sept_allennlp.training.callbacks.calibrate_threshold import CalibrateThreshold
from sept_allennlp.training.callbacks.check_data import CheckData
from sept_allennlp.training.callbacks.keep_last_epoch import KeepLastEpoch
from sept_allennlp.training.callbacks.keep_predictions import KeepPredictions
from sept_allennlp.training.callbacks.log_writers import TensorBoard, WandB
from sept_allennlp.training.callbacks.report_progress import ReportProgress
from sept_allennlp.training.callbacks.reproducible_randomness import ReproducibleRandomness
from sept_allennlp.training.callbacks.write_encoder import WriteEncoder

__all__ = [
    "ArchiveEncoder",
    "CalibrateScores",
    "CalibrateThreshold",
    "CheckData",
    "KeepLastEpoch",
    "KeepPredictions",
    "ReportProgress",
    "ReproducibleRandomness",
    "TensorBoard",
    "WandB",
    "WriteEncoder",
]
