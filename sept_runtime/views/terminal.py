"""Predicted entities, and the relations between them, as tables for the terminal."""

from typing import List, NamedTuple, Optional, Sequence, Union

from rich import box
from rich.table import Table
from rich.text import Text

from sept_runtime.documents import Document, DocumentError, Span
from sept_runtime.formats.predictions import FailedInput, PredictedDocument
from sept_runtime.tokenization.words import with_joined_text, without_surrogates


def entity_table(prediction: Union[PredictedDocument, FailedInput]) -> Union[Table, Text]:
    """
    A row for each predicted entity; for an input that failed, the reason.

    # Raises

    `DocumentError` where the document's text is known, but not where its words are in it.
    """
    if isinstance(prediction, FailedInput):
        return _text(f"{prediction}\n", style="red")
    document = prediction.document
    table = Table(
        title=_text(prediction.title or document.key), title_justify="left", box=box.SIMPLE
    )
    table.add_column("entity", min_width=32)
    table.add_column("type", min_width=20, no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("characters", justify="right", no_wrap=True)
    entities = prediction.predicted_entities
    for entity, place in zip(entities, _places(document, entities)):
        table.add_row(
            place.text, _text(entity.label), _score(entity.score), f"{place.start}–{place.end}"
        )
    return table


def relation_table(prediction: Union[PredictedDocument, FailedInput]) -> Optional[Table]:
    """
    A row for each predicted relation; `None` where there is none.

    # Raises

    `DocumentError` as for `entity_table`.
    """
    if isinstance(prediction, FailedInput) or prediction.predicted is None:
        return None
    entities, relations = prediction.predicted.entities, prediction.predicted.relations
    if not relations:
        return None
    places = _places(prediction.document, entities)
    table = Table(box=box.SIMPLE)
    table.add_column("head", min_width=20)
    table.add_column("relation", no_wrap=True)
    table.add_column("tail", min_width=20)
    table.add_column("score", justify="right", no_wrap=True)
    for head, tail, label, score in relations:
        table.add_row(places[head].text, _text(label), places[tail].text, _score(score))
    return table


class _Place(NamedTuple):
    """Where an entity is in the text, in characters, and what stands there."""

    start: int
    end: int
    text: Text


def _places(document: Document, entities: Sequence[Span]) -> List[_Place]:
    document = with_joined_text(document)
    if document.text is None or document.offsets is None:
        raise DocumentError(f"{document.describe()}: there is a 'text' but no 'word_offsets'")
    places = []
    for entity in entities:
        start, end = document.offsets[entity.start][0], document.offsets[entity.end][1]
        places.append(_Place(start, end, _text(" ".join(document.text[start:end].split()))))
    return places


def _score(score: Optional[float]) -> str:
    return "" if score is None else f"{score:.2f}"


def _text(text: str, style: str = "") -> Text:
    """
    A text and not a string, in which rich would look for markup; without halves of characters,
    which JSON can express and a terminal cannot.
    """
    return Text(without_surrogates(text), style=style)
