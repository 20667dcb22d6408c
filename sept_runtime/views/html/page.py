"""
A self-contained HTML page of documents with their entities, drawn by displaCy's span renderer.

displaCy lays entities out token by token, in as many rows as they nest or cross. It knows nothing
of scores or of right and wrong, and it neither escapes labels nor reserves the height that a gap
between rows takes. All of that is put right through the templates and the colour table that it
lets its callers pass, without a subclass:

- each entity is a "label" of its own, so the colour table, displaCy's one look-up by label, can
  hold the HTML attributes (type, mark, tooltip) of each entity;
- a token is a CSS grid, and the vertical offset that displaCy computes is the row of that grid.
"""

import unicodedata
import zlib
from collections import Counter
from html import escape
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple, Union

from spacy.displacy import SpanRenderer

from sept_runtime.formats.predictions import FailedInput, PredictedDocument
from sept_runtime.scoring import precision_recall_f1
from sept_runtime.words import restore_brackets

# Above so many documents they are folded, so that a page of thousands opens at once.
MOST_UNFOLDED = 50

# Black text is readable on each, and each stands out from a white and from a black page. The types
# of SciERC always have the same.
TYPE_COLOURS = {
    "Task": "#e69f00",
    "Method": "#56b4e9",
    "Metric": "#3fbf8f",
    "Material": "#e88ac0",
    "OtherScientificTerm": "#b39ddb",
    "Generic": "#a8adb4",
}
OTHER_COLOURS = (
    "#f0845a",
    "#cdb91f",
    "#6fc4ba",
    "#c9a47c",
    "#9bc53d",
    "#8fa8f0",
    "#d68fd6",
    "#e08585",
)

FOUND, MISSED, WRONG, UNJUDGED = "found", "missed", "wrong", "unjudged"
# Marks speak by sign and shape, not by colour alone.
MARK_SIGNS = {FOUND: "✓ ", MISSED: "missed: ", WRONG: "✗ ", UNJUDGED: ""}

# The start of a span lies over its first slice, so displaCy's order of drawing is kept.
_TEMPLATES = {
    "span": '<span class="token"><span>{text}</span>{span_slices}{span_starts}</span> ',
    "slice": '<span {bg} style="grid-row:{top_offset}"></span>',
    "start": '<span {bg} style="grid-row:{top_offset}">{label}</span>',
}
# Row 1 of the grid is the word itself.
_ROWS = {"top_offset": 2, "top_offset_step": 1}

# A label is set in a smaller face than the text: so many characters of text, at least, as it has
# itself times this, and its padding.
_LABEL_TO_TEXT_WIDTH = 0.75
_LABEL_PADDING = 2

_STYLE = """
:root { color-scheme: light dark; --page: #fff; --ink: #1c1e21; --soft: #5c6470; --line: #d9dde3;
  --missed: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --page: #15171b; --ink: #e4e6ea; --soft: #a0a8b4; --line: #363b44; --missed: #ff8a80; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 62rem; background: var(--page);
  color: var(--ink); font: 17px/1.5 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 1rem; overflow-wrap: anywhere; }
h2 { display: inline; font-size: 1.05rem; margin: 0; overflow-wrap: anywhere; }
h2 small, .summary { color: var(--soft); font-size: .85rem; font-weight: normal; }
table { border-collapse: collapse; margin: 0 0 1rem; font-size: .9rem; }
th, td { padding: .2rem .75rem; text-align: end; border-bottom: 1px solid var(--line);
  font-variant-numeric: tabular-nums; }
th:first-child { text-align: start; font-weight: normal; overflow-wrap: break-word; }
.key { overflow-x: auto; }
thead th { color: var(--soft); font-weight: normal; }
details { border-top: 1px solid var(--line); padding: .75rem 0; }
details[open] { content-visibility: auto; contain-intrinsic-size: auto 24rem; }
summary { cursor: pointer; }
.summary { margin-inline-start: .5rem; white-space: nowrap; }
.text { padding: .5rem 0 0; padding-inline-end: 6rem; line-height: 1.9; overflow-wrap: anywhere; }
.text .spans { display: inline; line-height: inherit !important; }
.token { display: inline-grid; grid-auto-rows: 20px; grid-template-columns: minmax(0, auto);
  grid-template-rows: auto; max-width: 100%; vertical-align: baseline; line-height: 1.5; }
.token > * { grid-column: 1; }
.entity { background: linear-gradient(var(--bar), var(--bar)) 0 0 / 100% 4px no-repeat;
  margin-inline: -3px; min-width: 0; }
.entity.overhang { contain: inline-size; }
.entity.missed { background-image: repeating-linear-gradient(90deg, var(--bar) 0 5px,
  transparent 5px 9px); }
.entity:has(.label) { border-inline-start: 2px solid var(--page); }
.label { display: block; width: max-content; padding: 1px 4px; font-size: 11px; line-height: 14px;
  font-weight: 600; white-space: nowrap; max-width: 20rem; overflow: hidden;
  text-overflow: ellipsis; background: var(--bar); color: #000;
  border-radius: 0 0 3px 3px; position: relative; z-index: 1; border: 1px solid var(--bar); }
.missed .label { background: var(--page); color: var(--ink); border: 1px dashed var(--bar);
 }
.entity.wrong { background: linear-gradient(var(--bar), var(--bar)) 0 0 / 100% 3px no-repeat,
  linear-gradient(var(--missed), var(--missed)) 0 3px / 100% 2px no-repeat; }
.wrong .label { border-color: var(--missed); box-shadow: 0 0 0 1px var(--missed); }
.key .label { display: inline-block; vertical-align: middle; font-size: 12px; border-radius: 3px;
  white-space: normal; width: auto; }
.key span.mark { margin-inline-end: 1.25rem; white-space: nowrap; --bar: #a8adb4; }
.failed { border-top: 1px solid var(--line); margin: 0; padding: .75rem 0; color: var(--missed);
  overflow-wrap: anywhere; }
"""


class _Entity(NamedTuple):
    start: int
    end: int
    label: str
    score: Optional[float]
    mark: str
    note: str


def render_page(
    documents: Iterable[Union[PredictedDocument, FailedInput]], title: str = "Entities"
) -> str:
    """
    The page, as one string of HTML without any outside resource or script.

    Where a document has a gold annotation beside the predictions, each entity is marked as found,
    missed or wrong (start, end and type must be right), and precision, recall and F1 stand at the
    top. Where it has only one of the two, that one is shown without marks.

    # Parameters

    documents : `Iterable[Union[PredictedDocument, FailedInput]]`
        As `read_predictions` gives them; failed inputs are shown in their place.
    title : `str`, optional (default = `"Entities"`)
    """
    documents = list(documents)
    entities_of = [
        _judged(document) if isinstance(document, PredictedDocument) else []
        for document in documents
    ]
    counts = Counter((e.label, e.mark) for entities in entities_of for e in entities)
    labels = sorted({label for label, _ in counts}, key=_type_order)
    colours = colours_of(labels)
    classes = {label: f"type{index}" for index, label in enumerate(labels)}

    unfolded = len(documents) <= MOST_UNFOLDED
    body = [
        _document(index, document, entities, classes, unfolded)
        if isinstance(document, PredictedDocument)
        else f'<p class="failed">Not predicted: <bdi>{escape(str(document))}</bdi></p>'
        for index, (document, entities) in enumerate(
            zip(documents, entities_of, strict=True), start=1
        )
    ]
    failed = sum(isinstance(document, FailedInput) for document in documents)
    type_rules = "".join(
        f".{classes[label]} {{ --bar: {colour}; }}\n" for label, colour in colours.items()
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        # Text that should ever slip through unescaped still could not run or load anything.
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}{type_rules}</style>\n</head>\n<body>\n"
        f"<h1><bdi>{escape(title)}</bdi></h1>\n"
        f"{_legend(counts, classes, len(documents) - failed, failed)}\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def colours_of(labels: Iterable[str]) -> Dict[str, str]:
    """
    A colour for each type, different ones as far as there are, and the same on every page as far
    as that allows: by the type's name, not by its place in a list.
    """
    colours: Dict[str, str] = {}
    for label in sorted(labels):
        if label in TYPE_COLOURS:
            colours[label] = TYPE_COLOURS[label]
            continue
        number = zlib.crc32(label.encode("utf-8", "surrogatepass"))
        count = len(OTHER_COLOURS)
        wanted = [OTHER_COLOURS[(number + step) % count] for step in range(count)]
        free = [colour for colour in wanted if colour not in colours.values()]
        colours[label] = free[0] if free else f"hsl({number % 360} 60% 70%)"
    return colours


def _type_order(label: str) -> Tuple[bool, int, str]:
    known = list(TYPE_COLOURS)
    return (label not in TYPE_COLOURS, known.index(label) if label in known else 0, label)


def _judged(document: PredictedDocument) -> List[_Entity]:
    """All entities of a document, gold and predicted, each with its mark, ordered by place."""
    gold = document.document.entities
    if document.predicted is None:
        return sorted(_Entity(*entity, None, UNJUDGED, "") for entity in set(gold or []))
    if gold is None:
        return sorted(
            (_Entity(*entity[:4], UNJUDGED, "") for entity in document.predicted),
            key=lambda entity: entity[:3],
        )
    gold_set: Set[Tuple[int, int, str]] = {(e.start, e.end, e.label) for e in gold}
    gold_label = {(start, end): label for start, end, label in gold_set}
    entities = []
    for start, end, label, score, _ in document.predicted:
        if (start, end, label) in gold_set:
            entities.append(_Entity(start, end, label, score, FOUND, "as in the gold annotation"))
        elif (start, end) in gold_label:
            note = f"wrong: in the gold annotation it is {gold_label[start, end]}"
            entities.append(_Entity(start, end, label, score, WRONG, note))
        else:
            note = "wrong: not in the gold annotation"
            entities.append(_Entity(start, end, label, score, WRONG, note))
    predicted_set = {entity[:3] for entity in document.predicted}
    for entity in gold_set - predicted_set:
        note = "missed: only in the gold annotation"
        entities.append(_Entity(*entity, None, MISSED, note))
    return sorted(entities, key=lambda entity: entity[:3])


def _document(
    index: int,
    document: PredictedDocument,
    entities: Sequence[_Entity],
    classes: Dict[str, str],
    unfolded: bool,
) -> str:
    key = document.document.key
    if document.title:
        heading = f"<bdi>{escape(document.title)}</bdi> <small><bdi>{escape(key)}</bdi></small>"
    else:
        heading = f"<bdi>{escape(key)}</bdi>" if key else f"Document {index}"
    marks = Counter(entity.mark for entity in entities)
    if document.predicted is not None and document.document.entities is not None:
        summary = " · ".join(f"{marks[mark]} {mark}" for mark in (FOUND, MISSED, WRONG))
    else:
        summary = f"{len(entities)} {'entity' if len(entities) == 1 else 'entities'}"
    direction = _direction(document.document.words)
    return (
        f'<details id="document-{index}"{" open" if unfolded else ""}>'
        f'<summary><h2>{heading}</h2> <span class="summary">{summary}</span></summary>\n'
        f'<div class="text" dir="{direction}">'
        f"{_render_sentences(document, entities, classes, direction)}</div></details>"
    )


def _render_sentences(
    document: PredictedDocument,
    entities: Sequence[_Entity],
    classes: Dict[str, str],
    direction: str,
) -> str:
    # Sentence by sentence: displaCy's work grows with words times entities.
    parsed = []
    attributes: Dict[str, str] = {}
    sentence_start = 0
    pending = list(reversed(entities))
    for sentence in document.document.sentences:
        words = restore_brackets(sentence)
        sentence_end = sentence_start + len(words)
        here = []
        while pending and pending[-1].start < sentence_end:
            here.append(pending.pop())
        spans = []
        for number, entity in enumerate(here, start=len(attributes)):
            shown = MARK_SIGNS[entity.mark] + entity.label
            # The number makes each fragment unlike any other, in displaCy's look-up too, which
            # does not tell capitals from small letters.
            fragment = f'<span class="label" data-entity="{number}">{escape(shown)}</span>'
            room = _room(entity, here, words, sentence_start)
            overhang = len(shown) * _LABEL_TO_TEXT_WIDTH + _LABEL_PADDING <= room
            attributes[fragment] = (
                f'class="entity {classes[entity.label]} {entity.mark}'
                f'{" overhang" if overhang else ""}" title="{escape(_tooltip(entity))}"'
            )
            spans.append(
                {
                    "start_token": entity.start - sentence_start,
                    "end_token": entity.end + 1 - sentence_start,
                    "label": fragment,
                }
            )
        parsed.append({"tokens": words, "spans": spans, "settings": {"direction": direction}})
        sentence_start = sentence_end
    renderer = SpanRenderer({"colors": attributes, "template": _TEMPLATES, **_ROWS})
    return renderer.render(parsed)


def _room(entity: _Entity, entities: Sequence[_Entity], words: Sequence[str], offset: int) -> float:
    """
    For how many characters of text an entity's label may run on before another can stand in its
    row. One that begins inside the entity has a row further down.
    """
    end = min(
        (other.start - offset for other in entities if other.start > entity.end),
        default=len(words),
    )
    return sum(len(word) + 1 for word in words[entity.start - offset : end])


def _tooltip(entity: _Entity) -> str:
    parts = [entity.label]
    if entity.score is not None:
        parts.append(f"score {entity.score:.3f}")
    if entity.note:
        parts.append(entity.note)
    return " · ".join(parts)


def _direction(words: Iterable[str]) -> str:
    """The writing direction, by the first letter that has one."""
    for word in words:
        for character in word:
            kind = unicodedata.bidirectional(character)
            if kind in ("R", "AL"):
                return "rtl"
            if kind == "L":
                return "ltr"
    return "ltr"


def _legend(
    counts: Dict[Tuple[str, str], int], classes: Dict[str, str], documents: int, failed: int
) -> str:
    """Types with their colours and counts, and what marks and numbers mean."""
    judged = any(mark != UNJUDGED for _, mark in counts)
    columns = [FOUND, MISSED, WRONG] if judged else [UNJUDGED]
    # Documents without gold on a page that has gold elsewhere.
    if judged and any(mark == UNJUDGED for _, mark in counts):
        columns.append(UNJUDGED)
    names = {UNJUDGED: "not compared" if judged else "entities"}
    heads = [names.get(column, column) for column in columns]
    heads += ["precision", "recall", "F1"] if judged else []

    rows = []
    for label, css_class in [*classes.items(), ("", "")]:
        numbers = {
            mark: sum(n for (of, m), n in counts.items() if m == mark and label in ("", of))
            for mark in (*columns, FOUND, MISSED, WRONG)
        }
        cells = [str(numbers[column]) for column in columns]
        if judged:
            found = numbers[FOUND]
            measured = precision_recall_f1(found, found + numbers[WRONG], found + numbers[MISSED])
            compared = found + numbers[WRONG] + numbers[MISSED]
            cells += [
                f"{measured[name]:.3f}" if compared else "–"
                for name in ("precision", "recall", "f1")
            ]
        name = (
            f'<span class="{css_class}"><bdi class="label">{escape(label)}</bdi></span>'
            if label
            else "All"
        )
        rows.append(
            f'<tr><th scope="row">{name}</th>'
            + "".join(f"<td>{cell}</td>" for cell in cells)
            + "</tr>"
        )
    about = f"{documents:,} document{'' if documents == 1 else 's'}"
    if failed:
        about += f", {failed:,} input{'' if failed == 1 else 's'} failed"
    marks = ""
    if judged:
        meanings = {
            FOUND: "predicted and in the gold annotation",
            MISSED: "only in the gold annotation",
            WRONG: "only predicted (start, end and type must be right)",
        }
        marks = (
            "<p>"
            + " ".join(
                f'<span class="mark {mark}"><span class="label">{MARK_SIGNS[mark]}Type</span> '
                f"{meaning}</span>"
                for mark, meaning in meanings.items()
            )
            + "</p>"
        )
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    return (
        f'<div class="key"><p>{about}. An entity\'s score appears when the pointer rests on it.'
        f'</p><table><thead><tr><th scope="col">type</th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>{marks}</div>"
    )
