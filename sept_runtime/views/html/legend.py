"""What stands above the documents: the types of entities, or relations, with counts and scores."""

from collections import Counter
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Union

from sept_runtime.scoring import precision_recall_f1
from sept_runtime.views.html.comparison import FOUND, MISSED, UNJUDGED, WRONG, JudgedEntity
from sept_runtime.views.html.relations import JudgedRelation

_SCORES = {"precision": "precision", "recall": "recall", "f1": "F1"}


class LegendRow(NamedTuple):
    """The figures of a type, or of all (`label` is `None`)."""

    label: Optional[str]
    cells: List[str]


class Legend(NamedTuple):
    """A table, and what else there is to explain."""

    noun: str
    heads: List[str]
    rows: List[LegendRow]
    is_compared: bool
    has_scores: bool


def legend_of(
    judged: Sequence[Union[JudgedEntity, JudgedRelation]], labels: Iterable[str], noun: str
) -> Legend:
    """
    Count the entities, or relations, of each type and, where they were compared, score them.

    # Parameters

    judged : `Sequence[Union[JudgedEntity, JudgedRelation]]`
        Those of all documents.
    labels : `Iterable[str]`
        The types, in the order of the table's rows.
    noun : `str`
        What they are, in the plural.
    """
    totals = Counter(one.mark for one in judged)
    is_compared = any(mark != UNJUDGED for mark in totals)
    # Beside compared ones there may be those of documents without an annotation.
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
        rows.append(LegendRow(label, cells + _scores(of_label) if is_compared else cells))
    heads += list(_SCORES.values()) if is_compared else []
    return Legend(noun, heads, rows, is_compared, any(one.score is not None for one in judged))


def _scores(counts: Counter[str]) -> List[str]:
    found, missed, wrong = counts[FOUND], counts[MISSED], counts[WRONG]
    if not found + missed + wrong:
        return ["–"] * len(_SCORES)
    scores = precision_recall_f1(found, found + wrong, found + missed)
    return [f"{scores[name]:.3f}" for name in _SCORES]
