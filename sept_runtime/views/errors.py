"""An error analysis as tables for the terminal, as CSV and as an HTML page."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from rich.console import Console
from rich.table import Table

from sept_runtime.analysis.errors import (
    NOTHING,
    OUTCOMES,
    RELATION_OUTCOMES,
    RIGHT,
    Case,
    Comparison,
    Counts,
    ErrorReport,
    sentence_of,
    text_of,
)
from sept_runtime.documents import AnnotatedSpan, Document, Prediction
from sept_runtime.formats.predictions import PredictedDocument
from sept_runtime.tokenization.words import restore_brackets, without_surrogates
from sept_runtime.views.html.page import TEMPLATES, render_document, style_sheet

CSV_COLUMNS = (
    "document",
    "outcome",
    "gold_label",
    "predicted_label",
    "gold_text",
    "predicted_text",
    "gold_start",
    "gold_end",
    "predicted_start",
    "predicted_end",
    "score",
    "width",
    "sentence_length",
    "nested",
    "sentence",
)


class Grid(NamedTuple):
    """A table: a title, the headings of its columns, and rows of texts."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


def tables(report: ErrorReport) -> Iterator[Grid]:
    """Yield the tables of a report."""
    counts = report.counts()
    yield Grid(
        f"Entities in {report.documents} documents", _SCORE_HEADS, [("all", *_scores(counts))]
    )
    outcomes = report.outcomes
    yield Grid(
        "Outcomes",
        ("", "entities", "of gold", "of predicted"),
        [
            (
                outcome,
                str(outcomes[outcome]),
                _share(outcomes[outcome], counts.gold, outcome != "spurious"),
                _share(outcomes[outcome], counts.predicted, outcome != "missed"),
            )
            for outcome in OUTCOMES
        ],
    )
    for name, group in report.groups.items():
        rows = [(key, *_scores(value)) for key, value in group.items()]
        yield Grid(f"By {name}", _SCORE_HEADS, rows)
    yield _confusion(report)
    bins = report.reliability()
    if bins:
        yield Grid(
            "Precision by score",
            ("score", "predicted", "mean score", "precision"),
            [
                (
                    f"{each.low:.1f} to {each.high:.1f}",
                    str(each.predicted),
                    f"{each.mean_score:.3f}",
                    f"{each.precision:.3f}",
                )
                for each in bins
            ],
        )
    if report.relations is not None:
        outcomes = report.relation_outcomes
        gold = sum(case.gold is not None for case in report.relations)
        predicted = sum(case.predicted is not None for case in report.relations)
        scores = _scores(Counts(outcomes[RIGHT], predicted, gold))
        yield Grid("Relations", _SCORE_HEADS, [("all", *scores), *_relation_labels(report)])
        yield Grid(
            "Outcomes of relations",
            ("", "relations"),
            [(outcome, str(outcomes[outcome])) for outcome in RELATION_OUTCOMES],
        )


def comparison_tables(comparison: Comparison) -> Iterator[Grid]:
    """Yield the tables of two systems side by side."""
    heads = ("both", "only first", "only second", "neither")
    total = {head: sum(counts[head] for counts in comparison.found.values()) for head in heads}
    rows = [
        (label, *(str(counts[head]) for head in heads))
        for label, counts in {**comparison.found, "all": total}.items()
    ]
    yield Grid("Gold entities found by the two systems", ("", *heads), rows)
    wrong = comparison.spurious
    yield Grid(
        "Wrong predictions of the two systems",
        ("", *wrong),
        [("all", *(str(number) for number in wrong.values()))],
    )


def print_errors(
    report: ErrorReport, comparison: Optional[Comparison], examples: int, console: Console
) -> None:
    """
    Print the tables of a report, and examples of each kind of error.

    # Parameters

    report : `ErrorReport`
    comparison : `Comparison`, optional
    examples : `int`
        For each kind of error.
    console : `Console`
    """
    for grid in [*tables(report), *(comparison_tables(comparison) if comparison else ())]:
        table = Table(title=without_surrogates(grid.title), title_justify="left")
        for index, head in enumerate(grid.heads):
            justify: Any = "right" if index else "left"
            table.add_column(without_surrogates(head), justify=justify, no_wrap=True)
        for row in grid.rows:
            table.add_row(*map(without_surrogates, row))
        console.print(table)
    for title, cases in _examples(report, comparison, examples):
        console.print(f"\n{title}", style="bold", highlight=False, markup=False)
        for case in cases:
            console.print(f"  {_line(case)}", highlight=False, markup=False)


def to_csv(report: ErrorReport) -> str:
    """Return all cases as CSV, with the columns `CSV_COLUMNS`."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for case in report.cases:
        first, end = sentence_of(case)
        gold, predicted = case.gold, case.predicted
        whole = AnnotatedSpan(first, end - 1, "")
        writer.writerow(
            [
                case.document.document.key,
                case.outcome,
                gold.label if gold else "",
                predicted.label if predicted else "",
                text_of(case, gold) if gold else "",
                text_of(case, predicted) if predicted else "",
                *((gold.start, gold.end) if gold else ("", "")),
                *((predicted.start, predicted.end) if predicted else ("", "")),
                "" if predicted is None or predicted.score is None else f"{predicted.score:.4f}",
                case.span.end - case.span.start + 1,
                end - first,
                "yes" if (case.nested_gold or case.nested_predicted) else "no",
                text_of(case, whole),
            ]
        )
    return without_surrogates(file.getvalue())


def render_errors(
    report: ErrorReport, comparison: Optional[Comparison], examples: int, title: str
) -> str:
    """
    Draw a report as one HTML page without any outside resource or script.

    The parameters are those of `print_errors`.
    """
    labels = sorted(report.groups["label"])
    confusion = report.confusion()
    most = max(confusion.values(), default=1)
    bins = report.reliability()
    grids = [grid for grid in tables(report) if grid.title != _CONFUSION]
    return TEMPLATES.get_template("errors.html").render(
        title=title,
        style=style_sheet(labels),
        grids=[*grids, *(comparison_tables(comparison) if comparison else ())],
        confusion_title=_CONFUSION,
        columns=[*labels, NOTHING],
        cells={
            gold: [
                (confusion.get((gold, predicted), 0), confusion.get((gold, predicted), 0) / most)
                for predicted in [*labels, NOTHING]
            ]
            for gold in [*labels, NOTHING]
        },
        bins=bins,
        examples=[
            (heading, [render_document(_sentence(case), labels) for case in cases])
            for heading, cases in _examples(report, comparison, examples)
        ],
    )


_SCORE_HEADS = ("", "gold", "predicted", "right", "P", "R", "F1")
_CONFUSION = "Gold labels (rows) against predicted labels (columns)"


def _scores(counts: Counts) -> Tuple[str, ...]:
    numbers = (counts.gold, counts.predicted, counts.right)
    return (*map(str, numbers), *(f"{score:.3f}" for score in counts.scores))


def _share(number: int, total: int, applies: bool) -> str:
    return f"{number / total:.1%}" if total and applies else ""


def _confusion(report: ErrorReport) -> Grid:
    confusion = report.confusion()
    labels = [*sorted(report.groups["label"]), NOTHING]
    rows = [(gold, *(str(confusion.get((gold, p), 0)) for p in labels)) for gold in labels]
    return Grid(_CONFUSION, ("", *labels), rows)


def _relation_labels(report: ErrorReport) -> Iterator[Tuple[str, ...]]:
    counts: Dict[str, Counts] = {}
    for case in report.relations or []:
        if case.gold:
            counts.setdefault(case.gold.label, Counts()).gold += 1
        if case.predicted:
            of_label = counts.setdefault(case.predicted.label, Counts())
            of_label.predicted += 1
            of_label.right += case.outcome == RIGHT
    for label, of_label in sorted(counts.items()):
        yield (label, *_scores(of_label))


def _examples(
    report: ErrorReport, comparison: Optional[Comparison], number: int
) -> Iterator[Tuple[str, List[Case]]]:
    # The most confident errors first; missed entities in the order of the documents.
    def confidence(case: Case) -> float:
        return -(case.predicted.score or 0.0) if case.predicted else 0.0

    for outcome in OUTCOMES[1:]:
        cases = [case for case in report.cases if case.outcome == outcome]
        if cases and number:
            yield f"{outcome} ({len(cases)})", sorted(cases, key=confidence)[:number]
    if comparison and number:
        for who, cases in (
            ("first", comparison.only_first),
            ("second", comparison.only_second),
        ):
            if cases:
                yield f"found only by the {who} system ({len(cases)})", cases[:number]


def _line(case: Case) -> str:
    # The sentence with [gold] and {predicted} entity.
    first, end = sentence_of(case)
    opening: Dict[int, str] = {}
    closing: Dict[int, str] = {}
    for span, marks in ((case.predicted, "{}"), (case.gold, "[]")):
        if span is not None:
            opening[span.start] = marks[0] + opening.get(span.start, "")
            closing[span.end] = closing.get(span.end, "") + marks[1]
    words = restore_brackets(case.document.document.words)
    sentence = " ".join(
        opening.get(i, "") + words[i] + closing.get(i, "") for i in range(first, end)
    )
    labels = f"{case.gold.label if case.gold else NOTHING} → "
    labels += case.predicted.label if case.predicted else NOTHING
    score = ""
    if case.predicted is not None and case.predicted.score is not None:
        score = f" {case.predicted.score:.2f}"
    return without_surrogates(f"{case.document.document.key}: {labels}{score}: {sentence}")


def _sentence(case: Case) -> PredictedDocument:
    """Return the case's sentence as a document with nothing but the case's entities."""
    first, end = sentence_of(case)
    whole = case.document.document
    text, offsets = None, None
    if whole.text is not None and whole.offsets is not None:
        begin = whole.offsets[first][0]
        text = whole.text[begin : whole.offsets[end - 1][1]]
        offsets = [(start - begin, stop - begin) for start, stop in whole.offsets[first:end]]
    gold, predicted = [], []
    if case.gold is not None:
        gold.append(AnnotatedSpan(case.gold.start - first, case.gold.end - first, case.gold.label))
    if case.predicted is not None:
        start, stop = case.predicted.start - first, case.predicted.end - first
        predicted.append(case.predicted._replace(start=start, end=stop))
    document = Document(whole.key, [whole.words[first:end]], gold, text, offsets)
    return PredictedDocument(document, Prediction(predicted))
