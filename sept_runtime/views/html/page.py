"""
A self-contained HTML page of documents with their entities and the relations between them.

What is on the page is worked out here and in the modules beside this one; how it is written and
looks is in `page.html`, a template that escapes all it is given, and `style.css`.
"""

from collections import Counter
from importlib import resources
from typing import Iterable, List, NamedTuple, Sequence, Union

from jinja2 import Environment, PackageLoader, StrictUndefined

from sept_runtime.formats.predictions import FailedInput, PredictedDocument
from sept_runtime.views.html.colors import colors_of
from sept_runtime.views.html.comparison import (
    FOUND,
    MISSED,
    SIGNS,
    UNJUDGED,
    WRONG,
    JudgedEntity,
    compare,
)
from sept_runtime.views.html.layout import Piece, direction_of, lay_out, text_of, words_and_gaps
from sept_runtime.views.html.legend import legend_of
from sept_runtime.views.html.relations import JudgedRelation, compare_relations

# Above so many documents they are folded, so that a page of thousands opens at once.
MOST_UNFOLDED = 50

TEMPLATES = Environment(
    loader=PackageLoader("sept_runtime.views", "html"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class _Relation(NamedTuple):
    """A relation as the template shows it."""

    relation: JudgedRelation
    head: str
    arrow: str
    tail: str


class _Section(NamedTuple):
    """A document as the template shows it."""

    key: str
    title: str
    summary: str
    direction: str
    pieces: List[Piece]
    relations: List[_Relation]
    caption: str


def render_page(
    documents: Iterable[Union[PredictedDocument, FailedInput]], title: str = "Entities"
) -> str:
    """
    Draw the page, as one string of HTML without any outside resource or script.

    Where a document has a gold annotation beside the predictions, each entity is marked as found,
    missed or wrong (start, end and type must be right), and so is each relation (its type and the
    start and end of both entities must be right); precision, recall and F1 stand at the top. Where
    it has only one of the two, that one is shown without marks.

    # Parameters

    documents : `Iterable[Union[PredictedDocument, FailedInput]]`
        As `read_predictions` gives them; failed inputs are shown in their place.
    title : `str`, optional (default = `"Entities"`)
    """
    entities: List[JudgedEntity] = []
    relations: List[JudgedRelation] = []
    entries: List[Union[_Section, FailedInput]] = []
    for document in documents:
        if isinstance(document, PredictedDocument):
            found, related = compare(document), compare_relations(document)
            entities += found
            relations += related
            entries.append(_section(document, found, related))
        else:
            entries.append(document)
    colors = colors_of({entity.label for entity in entities})
    return TEMPLATES.get_template("page.html").render(
        title=title,
        signs=SIGNS,
        entries=entries,
        failed=sum(isinstance(entry, FailedInput) for entry in entries),
        legend=legend_of(entities, colors, "entities"),
        relation_legend=legend_of(
            relations, sorted({relation.label for relation in relations}), "relations"
        ),
        colors=list(colors.values()),
        type_index={label: index for index, label in enumerate(colors)},
        is_unfolded=len(entries) <= MOST_UNFOLDED,
    )


def render_document(document: PredictedDocument, labels: Iterable[str]) -> str:
    """
    Draw one document as a fragment of HTML: its text with entities, and the table of relations.

    # Parameters

    document : `PredictedDocument`
    labels : `Iterable[str]`
        Every label that has a color in `style_sheet`.
    """
    found = compare(document)
    return TEMPLATES.get_template("document.html").render(
        entry=_section(document, found, compare_relations(document)),
        signs=SIGNS,
        type_index={label: index for index, label in enumerate(colors_of(labels))},
    )


def style_sheet(labels: Iterable[str]) -> str:
    """Return the style sheet of `render_document`, with the colors of these labels."""
    style = resources.files("sept_runtime.views.html").joinpath("style.css").read_text("utf-8")
    colors = colors_of(labels).values()
    types = (f".type{index} {{ --bar: {color}; }}" for index, color in enumerate(colors))
    return "\n".join([style, *types, ""])


def _section(
    document: PredictedDocument,
    entities: Sequence[JudgedEntity],
    relations: Sequence[JudgedRelation],
) -> _Section:
    if document.predicted is not None and document.document.entities is not None:
        summary = _marks(entities)
    else:
        summary = f"{len(entities)} {'entity' if len(entities) == 1 else 'entities'}"
    relations_compared = any(relation.mark != UNJUDGED for relation in relations)
    direction = direction_of(document.document.words)
    texts = words_and_gaps(document.document)
    rows = [
        _Relation(
            relation,
            head=text_of(relation.head, texts),
            arrow="↔" if relation.is_symmetric else "→" if direction == "ltr" else "←",
            tail=text_of(relation.tail, texts),
        )
        for relation in relations
    ]
    return _Section(
        key=document.document.key,
        title=document.title or "",
        summary=summary,
        direction=direction,
        pieces=lay_out(texts, entities),
        relations=rows,
        caption=_marks(relations) if relations_compared else str(len(relations)),
    )


def _marks(judged: Sequence[Union[JudgedEntity, JudgedRelation]]) -> str:
    marks = Counter(each.mark for each in judged)
    return " · ".join(f"{marks[mark]} {mark}" for mark in (FOUND, MISSED, WRONG))
