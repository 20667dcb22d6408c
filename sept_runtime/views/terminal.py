"""Predicted entities as tables for the terminal."""

from typing import Union

from rich import box
from rich.table import Table
from rich.text import Text

from sept_runtime.documents import DocumentError
from sept_runtime.formats.predictions import FailedInput, PredictedDocument
from sept_runtime.formats.requests import with_joined_text


def entity_table(prediction: Union[PredictedDocument, FailedInput]) -> Union[Table, Text]:
    """
    A row for each predicted entity; for an input that failed, the reason.

    # Raises

    `DocumentError` where the document's text is known, but not where its words are in it.
    """
    if isinstance(prediction, FailedInput):
        return Text(f"{prediction}\n", style="red")
    document = with_joined_text(prediction.document)
    if document.text is None or document.offsets is None:
        raise DocumentError(f"{document.describe()}: there is a 'text' but no 'word_offsets'")
    # Texts and not strings, in which rich would look for markup.
    table = Table(
        title=Text(prediction.title or document.key), title_justify="left", box=box.SIMPLE
    )
    table.add_column("entity", min_width=32)
    table.add_column("type", min_width=20, no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("characters", justify="right", no_wrap=True)
    for entity in prediction.predicted or []:
        start, end = document.offsets[entity.start][0], document.offsets[entity.end][1]
        table.add_row(
            Text(" ".join(document.text[start:end].split())),
            Text(entity.label),
            "" if entity.score is None else f"{entity.score:.2f}",
            f"{start}–{end}",
        )
    return table
