"""Predicted entities as tables for the terminal."""

from typing import Union

from rich import box
from rich.table import Table
from rich.text import Text

from sept_runtime.documents import DocumentError
from sept_runtime.formats.predictions import FailedInput, PredictedDocument
from sept_runtime.words import with_joined_text, without_surrogates


def entity_table(prediction: Union[PredictedDocument, FailedInput]) -> Union[Table, Text]:
    """
    A row for each predicted entity; for an input that failed, the reason.

    # Raises

    `DocumentError` where the document's text is known, but not where its words are in it.
    """
    if isinstance(prediction, FailedInput):
        return _text(f"{prediction}\n", style="red")
    document = with_joined_text(prediction.document)
    if document.text is None or document.offsets is None:
        raise DocumentError(f"{document.describe()}: there is a 'text' but no 'word_offsets'")
    table = Table(
        title=_text(prediction.title or document.key), title_justify="left", box=box.SIMPLE
    )
    table.add_column("entity", min_width=32)
    table.add_column("type", min_width=20, no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("characters", justify="right", no_wrap=True)
    for entity in prediction.predicted.entities if prediction.predicted else []:
        start, end = document.offsets[entity.start][0], document.offsets[entity.end][1]
        table.add_row(
            _text(" ".join(document.text[start:end].split())),
            _text(entity.label),
            "" if entity.score is None else f"{entity.score:.2f}",
            f"{start}–{end}",
        )
    return table


def _text(text: str, style: str = "") -> Text:
    """
    A text and not a string, in which rich would look for markup; without halves of characters,
    which JSON can express and a terminal cannot.
    """
    return Text(without_surrogates(text), style=style)
