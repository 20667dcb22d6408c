"""Write and read the outputs of prediction: documents, their entities and their relations."""

from sept_runtime.formats.predictions.reading import (
    FailedInput,
    PredictedDocument,
    failure_from_json,
    prediction_from_json,
    read_predictions,
)
from sept_runtime.formats.predictions.writing import (
    FORMAT_VERSION,
    failure_to_json,
    prediction_to_json,
)

__all__ = [
    "FORMAT_VERSION",
    "FailedInput",
    "PredictedDocument",
    "failure_from_json",
    "failure_to_json",
    "prediction_from_json",
    "prediction_to_json",
    "read_predictions",
]
