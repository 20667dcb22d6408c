"""
Models that `allennlp sept-export` has written, and what runs them: ONNX Runtime or OpenVINO, the
encoder's tokenizer, and numpy. Loading one runs no code that is in it and reads nothing outside its
folder.
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
    """As `sept_runtime.load`, which is this."""
    predictor = ExportedPredictor(Path(folder), threads, engine, precision)
    return Annotator(predictor, predictor.decoding.changed(**options))
