"""
A self-contained HTML page of documents with their entities.

What is on the page is worked out here and in the modules beside this one; how it is written and
looks is in `page.html`, a template that escapes all it is given, and `style.css`.
"""

from collections import Counter
from typing import Iterable, List, NamedTuple, Union

from jinja2 import Environment, PackageLoader, StrictUndefined

from sept_runtime.formats.predictions import FailedInput, PredictedDocument
from sept_runtime.views.html.colors import colors_of
from sept_runtime.views.html.comparison import FOUND, MISSED, SIGNS, WRONG, JudgedEntity, compare
from sept_runtime.views.html.layout import Piece, direction_of, lay_out
from sept_runtime.views.html.legend import legend_of

# Above so many documents they are folded, so that a page of thousands opens at once.
MOST_UNFOLDED = 50

_TEMPLATES = Environment(
    loader=PackageLoader("sept_runtime.views", "html"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class _Section(NamedTuple):
    """A document as the template shows it."""

    key: str
    title: str
    summary: str
    direction: str
    pieces: List[Piece]


def render_page(
    documents: Iterable[Union[PredictedDocument, FailedInput]], title: str = "Entities"
) -> str:
    """
    Draw the page, as one string of HTML without any outside resource or script.

    Where a document has a gold annotation beside the predictions, each entity is marked as found,
    missed or wrong (start, end and type must be right), and precision, recall and F1 stand at the
    top. Where it has only one of the two, that one is shown without marks.

    # Parameters

    documents : `Iterable[Union[PredictedDocument, FailedInput]]`
        As `read_predictions` gives them; failed inputs are shown in their place.
    title : `str`, optional (default = `"Entities"`)
    """
    entities: List[JudgedEntity] = []
    entries: List[Union[_Section, FailedInput]] = []
    for document in documents:
        if isinstance(document, PredictedDocument):
            judged = compare(document)
            entities += judged
            entries.append(_section(document, judged))
        else:
            entries.append(document)
    colors = colors_of({entity.label for entity in entities})
    return _TEMPLATES.get_template("page.html").render(
        title=title,
        signs=SIGNS,
        entries=entries,
        failed=sum(isinstance(entry, FailedInput) for entry in entries),
        legend=legend_of(entities, colors),
        colors=list(colors.values()),
        type_index={label: index for index, label in enumerate(colors)},
        is_unfolded=len(entries) <= MOST_UNFOLDED,
    )


def _section(document: PredictedDocument, entities: List[JudgedEntity]) -> _Section:
    if document.predicted is not None and document.document.entities is not None:
        marks = Counter(entity.mark for entity in entities)
        summary = " · ".join(f"{marks[mark]} {mark}" for mark in (FOUND, MISSED, WRONG))
    else:
        summary = f"{len(entities)} {'entity' if len(entities) == 1 else 'entities'}"
    return _Section(
        key=document.document.key,
        title=document.title or "",
        summary=summary,
        direction=direction_of(document.document.words),
        pieces=lay_out(document.document, entities),
    )
