"""
Entities in texts and relations between them, for Python: the interface that trained and exported
models have in common.
"""

from dataclasses import dataclass
from itertools import tee
from typing import Iterable, Iterator, List, Tuple

from sept_runtime.documents import Document, Prediction, ScoredSpan
from sept_runtime.formats.inputs import document_from_text
from sept_runtime.inference.prediction import SpanPredictor, predict
from sept_runtime.options import Decoding


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


@dataclass(frozen=True)
class Relation:
    """
    A relation found between two entities.

    # Parameters

    head, tail : `Entity`
    label : `str`
    score : `float`
        The label's probability.
    """

    head: Entity
    tail: Entity
    label: str
    score: float


class AnnotatedText(List[Entity]):
    """
    The entities of a text, a list, and beside them the relations between them.

    # Parameters

    entities : `Iterable[Entity]`
    relations : `Iterable[Relation]`, optional (default = `()`)
        None where the model finds no relations.
    """

    def __init__(self, entities: Iterable[Entity], relations: Iterable[Relation] = ()) -> None:
        super().__init__(entities)
        self.relations: List[Relation] = list(relations)


class Annotator:
    """
    Finds entities in texts, and relations between them if the model knows any.

    # Parameters

    predictor : `SpanPredictor`
    decoding : `Decoding`
    """

    def __init__(self, predictor: SpanPredictor, decoding: Decoding) -> None:
        self._predictor = predictor
        self._decoding = decoding

    @property
    def finds_relations(self) -> bool:
        """Whether the model knows any; of one that does not, `relations` are empty lists."""
        return self._predictor.finds_relations

    def annotate(self, texts: Iterable[str], batch_size: int = 32) -> Iterator[AnnotatedText]:
        """
        For each text the list of its entities, in the order of the text, with the `relations`
        between them. Texts are taken as they are needed, some batches at a time, so that there may
        be any number of them. A text without a word has no entities.

        # Raises

        `TypeError` for a text that is not a string.
        """
        if isinstance(texts, str):
            raise TypeError("annotate() takes several texts: annotate([text])")
        documents, annotated = tee(document_from_text(_checked(text)) for text in texts)
        found = predict(self._predictor, documents, self._decoding, batch_size)
        for document, prediction in zip(annotated, found):
            yield _annotated_text(document, prediction)


def _checked(text: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"a text must be a string, not {type(text).__name__}")
    return text


def _annotated_text(document: Document, prediction: Prediction) -> AnnotatedText:
    entities = [_entity(document, span) for span in prediction.entities]
    relations = []
    for head, tail, label, score in prediction.relations or []:
        assert score is not None
        relations.append(Relation(entities[head], entities[tail], label, score))
    return AnnotatedText(entities, relations)


def _entity(document: Document, span: ScoredSpan) -> Entity:
    assert document.text is not None and document.offsets is not None and span.score is not None
    start, end = document.offsets[span.start][0], document.offsets[span.end][1]
    return Entity(document.text[start:end], span.label, span.score, start, end, span.labels)
