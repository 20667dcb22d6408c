"""The Python interface that trained and exported models share: texts in, entities out."""

import html
import warnings
from dataclasses import asdict, dataclass
from itertools import tee
from typing import (
    TYPE_CHECKING,
    Any,
    Dict,
    Iterable,
    Iterator,
    List,
    Literal,
    NamedTuple,
    Optional,
    Tuple,
    Union,
    overload,
)

from sept_runtime.documents import Document, Prediction, ScoredRelation, ScoredSpan
from sept_runtime.formats.inputs import document_from_text
from sept_runtime.inference.prediction import SpanPredictor, predict
from sept_runtime.options import Decoding

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Entity:
    """
    An entity found in a text.

    # Parameters

    text : `str`
        The entity as it is written: `text[start:end]` of the text it was found in.
    label : `str`
    score : `float`
        The label's probability.
    start, end : `int`
        Character offsets; `end` is exclusive. A character is a Unicode code point.
    labels : `Tuple[Tuple[str, float], ...]`, optional
        The most probable labels with their probabilities, if `top_labels` asks for them.
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
    The entities found in a text, as a list, and the relations between them.

    # Parameters

    entities : `Iterable[Entity]`
    relations : `Iterable[Relation]`, optional (default = `()`)
        Empty if the model finds no relations.
    text : `str`, optional (default = `""`)
    error : `str`, optional (default = `None`)
        Why the text could not be annotated.
    """

    def __init__(
        self,
        entities: Iterable[Entity],
        relations: Iterable[Relation] = (),
        text: str = "",
        error: Optional[str] = None,
    ) -> None:
        super().__init__(entities)
        self.relations: List[Relation] = list(relations)
        self.text = text
        self.error = error

    def to_dict(self) -> Dict[str, Any]:
        """
        Return the text, entities and relations as values that JSON can hold.

        The `head` and `tail` of relations are indices into `entities`. An `error` is included if
        there is one.
        """
        index = {entity: number for number, entity in enumerate(self)}
        result: Dict[str, Any] = {
            "text": self.text,
            "entities": [
                {
                    **{name: value for name, value in asdict(entity).items() if name != "labels"},
                    **_labels_dict(entity),
                }
                for entity in self
            ],
            "relations": [
                {**asdict(relation), "head": index[relation.head], "tail": index[relation.tail]}
                for relation in self.relations
            ],
        }
        return result if self.error is None else {**result, "error": self.error}

    def to_dataframe(self) -> "pandas.DataFrame":
        """
        Return a data frame with a row for each entity: text, label, score, start, end.

        # Raises

        `ImportError` if pandas is not installed.
        """
        import pandas

        columns = ["text", "label", "score", "start", "end"]
        rows = [[getattr(entity, column) for column in columns] for entity in self]
        return pandas.DataFrame(rows, columns=columns)

    def to_hugging_face(self) -> List[Dict[str, Any]]:
        """Return the entities as Hugging Face's token classification pipeline does."""
        return [
            {
                "entity_group": entity.label,
                "score": entity.score,
                "word": entity.text,
                "start": entity.start,
                "end": entity.end,
            }
            for entity in self
        ]

    def _repr_html_(self) -> str:
        """Draw the text with its entities, for notebooks."""
        # Imported when needed, which keeps prediction light.
        from sept_runtime.formats.predictions import FailedInput, PredictedDocument
        from sept_runtime.views.html.page import render_page

        if self.error is not None:
            page = render_page([FailedInput(self.error, None)], title="")
        else:
            page = render_page([PredictedDocument(*self._document())], title="")
        # A frame keeps the page's styles apart from the notebook's.
        style = "width: 100%; min-height: 24em; border: 0"
        return f'<iframe sandbox srcdoc="{html.escape(page)}" style="{style}"></iframe>'

    def _document(self) -> Tuple[Document, Prediction]:
        """Make a document with a word for each stretch between the ends of entities."""
        bounds = sorted({0, len(self.text), *(e.start for e in self), *(e.end for e in self)})
        offsets = list(zip(bounds, bounds[1:]))
        starts = {start: word for word, (start, _) in enumerate(offsets)}
        ends = {end: word for word, (_, end) in enumerate(offsets)}
        words = [self.text[start:end] for start, end in offsets]
        index = {entity: number for number, entity in enumerate(self)}
        return Document("", [words], text=self.text, offsets=offsets), Prediction(
            [ScoredSpan(starts[e.start], ends[e.end], e.label, e.score) for e in self],
            [
                ScoredRelation(index[r.head], index[r.tail], r.label, r.score)
                for r in self.relations
            ],
        )


class Annotator:
    """
    A model that finds the entities of texts, and the relations between them if it knows any.

    # Parameters

    predictor : `SpanPredictor`
    decoding : `Decoding`
    """

    def __init__(self, predictor: SpanPredictor, decoding: Decoding) -> None:
        self._predictor = predictor
        self._decoding = decoding

    @property
    def finds_relations(self) -> bool:
        """Tell whether the model finds relations; otherwise all `relations` are empty."""
        return self._predictor.finds_relations

    @property
    def labels(self) -> Tuple[str, ...]:
        """Return the labels of entities that the model knows."""
        return tuple(self._predictor.labels)

    @property
    def decoding(self) -> Decoding:
        """Return the options of prediction."""
        return self._decoding

    def __call__(self, text: str) -> AnnotatedText:
        """
        Annotate one text.

        # Raises

        `TypeError` if the text is not a string.
        """
        if not isinstance(text, str):
            raise TypeError(f"the text {_not_a_string(text)}")
        (annotated,) = self.pipe([text], batch_size=1)
        return annotated

    # A string is a sequence of strings, too.
    @overload
    def annotate(  # type: ignore[overload-overlap]
        self, texts: str, batch_size: int = 32
    ) -> AnnotatedText: ...

    @overload
    def annotate(self, texts: Iterable[str], batch_size: int = 32) -> Iterator[AnnotatedText]: ...

    def annotate(
        self, texts: Union[str, Iterable[str]], batch_size: int = 32
    ) -> Union[AnnotatedText, Iterator[AnnotatedText]]:
        """Annotate one text, or several as `pipe`."""
        return self(texts) if isinstance(texts, str) else self.pipe(texts, batch_size=batch_size)

    @overload
    def pipe(
        self, texts: Iterable[str], *, as_tuples: Literal[False] = False, batch_size: int = 32
    ) -> Iterator[AnnotatedText]: ...

    @overload
    def pipe(
        self, texts: Iterable[Tuple[str, Any]], *, as_tuples: Literal[True], batch_size: int = 32
    ) -> Iterator[Tuple[AnnotatedText, Any]]: ...

    def pipe(
        self, texts: Iterable[Any], *, as_tuples: bool = False, batch_size: int = 32
    ) -> Iterator[Any]:
        """
        Annotate any number of texts, in order, reading a bounded number ahead.

        A text that is not a string, such as `None` or NaN in a data frame, costs only its own
        result: that has no entities and an `error` with the text's index, which is also a warning.

        # Parameters

        texts : `Iterable[str]`
            With `as_tuples`, pairs of a text and anything that belongs to it, such as an id.
        as_tuples : `bool`, optional (default = `False`)
            Whether to yield pairs of an annotated text and what belongs to it.
        batch_size : `int`, optional (default = `32`)
        """
        if isinstance(texts, str):
            raise TypeError("pipe() takes several texts: pipe([text])")
        requests, answered = tee(
            _request(number, *(text if as_tuples else (text, None)))
            for number, text in enumerate(texts)
        )
        documents = (request.document for request in requests)
        found = predict(self._predictor, documents, self._decoding, batch_size)
        for request, prediction in zip(answered, found):
            annotated = _annotated_text(request, prediction)
            yield (annotated, request.context) if as_tuples else annotated


class _Request(NamedTuple):
    """A text to annotate, and why it cannot be annotated."""

    document: Document
    context: Any
    error: Optional[str]


def _request(number: int, text: Any, context: Any) -> _Request:
    if isinstance(text, str):
        return _Request(document_from_text(text), context, None)
    error = f"text {number} (counted from 0) {_not_a_string(text)}"
    warnings.warn(error, stacklevel=2)
    return _Request(Document("", [], text="", offsets=[]), context, error)


def _not_a_string(value: Any) -> str:
    return f"must be a string, got {value!r:.40} ({type(value).__name__})"


def _labels_dict(entity: Entity) -> Dict[str, Any]:
    if not entity.labels:
        return {}
    return {"labels": [{"label": label, "score": score} for label, score in entity.labels]}


def _annotated_text(request: _Request, prediction: Prediction) -> AnnotatedText:
    document = request.document
    assert document.text is not None
    entities = [_entity(document, span) for span in prediction.entities]
    relations = []
    for head, tail, label, score in prediction.relations or []:
        assert score is not None
        relations.append(Relation(entities[head], entities[tail], label, score))
    return AnnotatedText(entities, relations, document.text, request.error)


def _entity(document: Document, span: ScoredSpan) -> Entity:
    assert document.text is not None and document.offsets is not None and span.score is not None
    start, end = document.offsets[span.start][0], document.offsets[span.end][1]
    return Entity(document.text[start:end], span.label, span.score, start, end, span.labels)
