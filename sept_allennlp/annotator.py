"""SEPT from Python: `sept_allennlp.load("model.tar.gz").annotate(texts)`."""

from dataclasses import dataclass
from os import PathLike
from typing import Any, Iterable, Iterator, List, Tuple, Union

from allennlp.predictors import Predictor

from sept_allennlp.archives.loading import ArchiveError, load_archive
from sept_allennlp.predictors import SEPTPredictor
from sept_allennlp.predictors.sept import Request


@dataclass(frozen=True)
class Entity:
    """
    An entity found in a text.

    # Parameters

    text : `str`
        `text[start:end]` of the text it was found in.
    label : `str`
    score : `float`
        The label's probability.
    start, end : `int`
        Characters; `end` is the one after the last.
    labels : `Tuple[Tuple[str, float], ...]`, optional
        The most probable labels and their probabilities, where `top_labels` asks for them.
    """

    text: str
    label: str
    score: float
    start: int
    end: int
    labels: Tuple[Tuple[str, float], ...] = ()


class Annotator:
    """
    Finds entities in texts. Made by `load`.

    # Parameters

    predictor : `SEPTPredictor`
    """

    def __init__(self, predictor: SEPTPredictor) -> None:
        self._predictor = predictor

    def annotate(self, texts: Iterable[str], batch_size: int = 32) -> Iterator[List[Entity]]:
        """
        For each text its entities, in the order of the text. Texts are taken as they are needed,
        some batches at a time, so that there may be any number of them. A text without a word has
        no entities.

        # Raises

        `TypeError` for a text that is not a string.
        """
        if isinstance(texts, str):
            raise TypeError("annotate() takes several texts: annotate([text])")
        for output in self._predictor.annotate(map(_request, texts), batch_size):
            yield [_entity(found) for found in output.get("entities", [])]


def _request(text: Any) -> Request:
    if not isinstance(text, str):
        raise TypeError(f"a text must be a string, not {type(text).__name__}")
    return Request.from_json({"text": text})


def _entity(found: Any) -> Entity:
    return Entity(
        text=found["text"],
        label=found["label"],
        score=found["score"],
        start=found["start"],
        end=found["end"],
        labels=tuple((label["label"], label["score"]) for label in found.get("labels", [])),
    )


def load(
    archive_file: Union[str, "PathLike[str]"], cuda_device: int = -1, **options: Any
) -> Annotator:
    """
    Loads a trained model for annotating texts.

    # Parameters

    archive_file : `Union[str, PathLike]`
        `model.tar.gz`, or its address.
    cuda_device : `int`, optional (default = `-1`)
        The GPU's number, -1 for the CPU.
    options :
        `flat`, `min_score`, `top_labels`, as for `SEPTPredictor`.

    # Raises

    `ArchiveError` if the archive is not safe to load, or holds no SEPT.
    """
    archive = load_archive(archive_file, cuda_device=cuda_device)
    predictor = Predictor.from_archive(archive, extra_args=options)
    if not isinstance(predictor, SEPTPredictor):
        raise ArchiveError(f"{archive_file}: holds no SEPT but a {type(archive.model).__name__}")
    return Annotator(predictor)
