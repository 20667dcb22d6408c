"""
Prediction with the models that `allennlp sept-export` writes.

ONNX Runtime or OpenVINO runs the graphs. Loading a model runs no code from its folder and reads
nothing outside it.
"""

from os import PathLike
from pathlib import Path
from typing import Any, Optional, Union

from sept_runtime.errors import ExportedModelError
from sept_runtime.inference.annotator import Annotator
from sept_runtime.onnx.predictor import ExportedPredictor
from sept_runtime.options import ENGINES, PRECISIONS

__all__ = ["ExportedModelError", "ExportedPredictor", "load"]


def load(
    folder: Union[str, "PathLike[str]"],
    threads: Optional[int] = None,
    engine: str = ENGINES[0],
    precision: str = PRECISIONS[0],
    **options: Any,
) -> Annotator:
    """Load an exported model; the implementation of `sept_runtime.load`."""
    predictor = ExportedPredictor(Path(folder), threads, engine, precision)
    return Annotator(predictor, predictor.decoding.changed(**options))
