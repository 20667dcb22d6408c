"""Tables of entities and relations for the terminal."""

import re
from typing import List, NamedTuple, Optional, Sequence, Tuple, Union

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from sept_runtime.documents import AnnotatedSpan, Document, DocumentError, Span
from sept_runtime.formats.predictions import FailedInput, PredictedDocument
from sept_runtime.tokenization.words import with_joined_text, without_surrogates

# Wider than any table.
_UNLIMITED = 10**7
# Line breaks and tabs are replaced by spaces before.
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def print_document(
    document: Union[PredictedDocument, FailedInput], console: Optional[Console] = None
) -> None:
    """
    Print the entities and relations of a document, or why it failed.

    Without predictions, these are the gold ones.

    On a terminal, long texts are wrapped, but no label and no number ever is: a table that does not
    fit is wider than the terminal. Elsewhere, such as in a pipe, width is unlimited.

    # Raises

    `DocumentError` if the document has a text but the offsets of its words are unknown.
    """
    console = console or Console()
    if isinstance(document, FailedInput):
        console.print(_text(f"{document}\n", style="red"), soft_wrap=True)
        return
    tables = _entity_table(document), _relation_table(document)
    heading = document.title or document.document.key
    if document.predicted is None:
        heading += " (gold annotation)"
    console.print(_text(heading, style="italic"), soft_wrap=True)
    terminal_width = console.width
    for table in filter(None, tables):
        needed = Measurement.get(console, console.options.update(max_width=_UNLIMITED), table)
        if console.is_terminal:
            console.width = max(terminal_width, needed.minimum)
        else:
            console.width = needed.maximum
        console.print(table)
    console.width = terminal_width


def _entity_table(document: PredictedDocument) -> Table:
    """Build a table with a row for each predicted entity; without predictions, each gold one."""
    table = Table(box=box.SIMPLE)
    table.add_column("entity", min_width=32, overflow="fold")
    table.add_column("type", min_width=20, no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("characters", justify="right", no_wrap=True)
    entities: Sequence[Span] = document.predicted_entities
    if document.predicted is None:
        entities = document.document.entities or []
    for entity, place in zip(entities, _places(document.document, entities)):
        score = getattr(entity, "score", None)
        table.add_row(place.text, _text(entity.label), _score(score), f"{place.start}–{place.end}")
    return table


def _relation_table(document: PredictedDocument) -> Optional[Table]:
    """Build a table of predicted or gold relations; `None` if there are none."""
    relations = _relations(document)
    if not relations:
        return None
    table = Table(box=box.SIMPLE)
    table.add_column("head", min_width=20, overflow="fold")
    table.add_column("relation", no_wrap=True)
    table.add_column("tail", min_width=20, overflow="fold")
    table.add_column("score", justify="right", no_wrap=True)
    for head, tail, label, score in relations:
        places = _places(document.document, [head, tail])
        table.add_row(places[0].text, _text(label), places[1].text, _score(score))
    return table


def _relations(document: PredictedDocument) -> List[Tuple[Span, Span, str, Optional[float]]]:
    """Return the head, tail, label and score of each relation."""
    if document.predicted is None:
        return [
            (AnnotatedSpan(*head, ""), AnnotatedSpan(*tail, ""), label, None)
            for head, tail, label in document.document.relations or []
        ]
    entities = document.predicted.entities
    return [
        (entities[head], entities[tail], label, score)
        for head, tail, label, score in document.predicted.relations or []
    ]


class _Place(NamedTuple):
    """The character offsets of an entity, and its text."""

    start: int
    end: int
    text: Text


def _places(document: Document, entities: Sequence[Span]) -> List[_Place]:
    document = with_joined_text(document)
    if document.text is None or document.offsets is None:
        raise DocumentError(f"{document.describe()}: 'text' needs 'word_offsets'")
    places = []
    for entity in entities:
        start, end = document.offsets[entity.start][0], document.offsets[entity.end][1]
        places.append(_Place(start, end, _text(" ".join(document.text[start:end].split()))))
    return places


def _score(score: Optional[float]) -> str:
    return "" if score is None else f"{score:.2f}"


def _text(text: str, style: str = "") -> Text:
    """
    Make a rich text, which shows markup as it is.

    Control characters and unpaired surrogates, which a terminal cannot show, are replaced.
    """
    return Text(_CONTROL.sub("\ufffd", without_surrogates(text)), style=style)
