"""
A self-contained HTML page of documents with their entities and relations.

The content is computed here and in the modules beside this one. The markup is in `page.html`, a
template that escapes all values, and the style in `base.css` and `style.css`.
"""

from collections import Counter
from importlib import resources
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Union

from jinja2 import Environment, PackageLoader, StrictUndefined

from sept_runtime.formats.predictions import FailedInput, PredictedDocument
from sept_runtime.scoring import precision_recall_f1
from sept_runtime.views.html.colors import color_rules, colors_of
from sept_runtime.views.html.comparison import (
    FOUND,
    MISSED,
    SIGNS,
    UNJUDGED,
    WRONG,
    JudgedEntity,
    JudgedRelation,
    compare,
    compare_relations,
)
from sept_runtime.views.html.layout import Piece, direction_of, lay_out, text_of, words_and_gaps

# With more documents, they are folded, so that a page of thousands opens quickly.
MOST_UNFOLDED = 50

_SCORES = {"precision": "precision", "recall": "recall", "f1": "F1"}

TEMPLATES = Environment(
    loader=PackageLoader("sept_runtime.views", "html"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class _Relation(NamedTuple):
    """A relation in the form that the template shows."""

    relation: JudgedRelation
    head: str
    arrow: str
    tail: str


class _Section(NamedTuple):
    """A document in the form that the template shows."""

    key: str
    title: str
    summary: str
    direction: str
    pieces: List[Piece]
    relations: List[_Relation]
    caption: str


class _LegendRow(NamedTuple):
    """The counts and scores of a type, or of all types (`label` is `None`)."""

    label: Optional[str]
    cells: List[str]


class _Legend(NamedTuple):
    """The table above the documents, and what needs an explanation."""

    noun: str
    heads: List[str]
    rows: List[_LegendRow]
    is_compared: bool
    has_scores: bool


def render_page(
    documents: Iterable[Union[PredictedDocument, FailedInput]], title: str = "Entities"
) -> str:
    """
    Render a page as one string of HTML without outside resources or scripts.

    If a document has predictions and a gold annotation, each entity is marked as found, missed or
    wrong (start, end and type must be right), and so is each relation (its type and the start and
    end of both entities must be right); precision, recall and F1 are at the top. If it has only one
    of the two, that one is shown without marks.

    # Parameters

    documents : `Iterable[Union[PredictedDocument, FailedInput]]`
        The documents in order, as from `read_predictions`; failed inputs are shown in their place.
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
        legend=_legend(entities, colors, "entities"),
        relation_legend=_legend(
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
    folder = resources.files("sept_runtime.views.html")
    styles = [folder.joinpath(name).read_text("utf-8") for name in ("base.css", "style.css")]
    return "\n".join([*styles, *color_rules(labels), ""])


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


def _legend(
    judged: Sequence[Union[JudgedEntity, JudgedRelation]], labels: Iterable[str], noun: str
) -> _Legend:
    """
    Count the entities, or relations, of each type and, where they were compared, score them.

    # Parameters

    judged : `Sequence[Union[JudgedEntity, JudgedRelation]]`
        The entities or relations of all documents.
    labels : `Iterable[str]`
        The types, in the order of the table's rows.
    noun : `str`
        "entities" or "relations".
    """
    totals = Counter(one.mark for one in judged)
    is_compared = any(mark != UNJUDGED for mark in totals)
    # Documents without an annotation are not compared.
    marks = [FOUND, MISSED, WRONG] if is_compared else []
    marks += [UNJUDGED] if UNJUDGED in totals or not is_compared else []
    names = {UNJUDGED: "not compared" if is_compared else noun}
    heads = [names.get(mark, mark) for mark in marks]

    counts: Dict[Optional[str], Counter[str]] = {label: Counter() for label in labels}
    for one in judged:
        counts[one.label][one.mark] += 1
    counts[None] = totals
    rows = []
    for label, of_label in counts.items():
        cells = [str(of_label[mark]) for mark in marks]
        rows.append(_LegendRow(label, cells + _scores(of_label) if is_compared else cells))
    heads += list(_SCORES.values()) if is_compared else []
    return _Legend(noun, heads, rows, is_compared, any(one.score is not None for one in judged))


def _scores(counts: Counter[str]) -> List[str]:
    found, missed, wrong = counts[FOUND], counts[MISSED], counts[WRONG]
    if not found + missed + wrong:
        return ["–"] * len(_SCORES)
    scores = precision_recall_f1(found, found + wrong, found + missed)
    return [f"{scores[name]:.3f}" for name in _SCORES]
