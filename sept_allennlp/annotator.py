"""SEPT from Python: `sept_allennlp.load("model.tar.gz").annotate(texts)`."""

from os import PathLike
from typing import Any, Union

from sept_allennlp.predictors import SEPTPredictor
from sept_runtime.inference.annotator import AnnotatedText, Annotator, Entity, Relation

__all__ = ["AnnotatedText", "Annotator", "Entity", "Relation", "load"]


def load(
    archive_file: Union[str, "PathLike[str]"], cuda_device: int = -1, **options: Any
) -> Annotator:
    """
    Load a trained model for annotating texts.

    # Parameters

    archive_file : `Union[str, PathLike]`
        `model.tar.gz`, its address, or the folder of a training.
    cuda_device : `int`, optional (default = `-1`)
        The GPU's number; -1 for the CPU.
    options :
        `flat`, `min_score`, and so on, as for `SEPTPredictor`.

    # Raises

    `ArchiveError` if the archive is not safe to load, or has another kind of model.
    """
    predictor = SEPTPredictor.from_path(
        archive_file, cuda_device=cuda_device, import_plugins=False, **options
    )
    return Annotator(predictor, predictor.decoding)
