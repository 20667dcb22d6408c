"""Predicted entities compared with annotated ones: which were found, missed, or are wrong."""

from typing import Iterator, List, NamedTuple, Optional

from sept_runtime.formats.predictions import PredictedDocument

FOUND, MISSED, WRONG, UNJUDGED = "found", "missed", "wrong", "unjudged"
# Marks speak by sign and shape, not by color alone.
SIGNS = {FOUND: "✓ ", MISSED: "missed: ", WRONG: "✗ ", UNJUDGED: ""}


class JudgedEntity(NamedTuple):
    """An entity with what the comparison says of it."""

    start: int
    end: int
    label: str
    score: Optional[float] = None
    mark: str = UNJUDGED
    note: str = ""

    @property
    def caption(self) -> str:
        """The label that is drawn at the entity."""
        return SIGNS[self.mark] + self.label

    @property
    def tooltip(self) -> str:
        """What shows where the pointer rests: label, score, and what the comparison says."""
        score = "" if self.score is None else f"score {self.score:.3f}"
        return " · ".join(filter(None, (self.label, score, self.note)))


def compare(document: PredictedDocument) -> List[JudgedEntity]:
    """
    Mark each entity of a document, annotated or predicted, and order them by start and end.

    An entity is right if start, end and label are. Where the document has only an annotation or
    only predictions there is nothing to compare, and its entities are `UNJUDGED`.
    """
    gold = document.document.entities
    if document.predicted is None:
        entities = {JudgedEntity(span.start, span.end, span.label) for span in gold or []}
    elif gold is None:
        entities = {
            JudgedEntity(span.start, span.end, span.label, span.score)
            for span in document.predicted_entities
        }
    else:
        entities = {*_predicted(document), *_missed(document)}
    return sorted(entities, key=lambda entity: entity[:3])


def _predicted(document: PredictedDocument) -> Iterator[JudgedEntity]:
    gold_label = {(span.start, span.end): span.label for span in document.document.entities or []}
    for span in document.predicted_entities:
        label = gold_label.get((span.start, span.end))
        if label is None:
            mark, note = WRONG, "wrong: not in the gold annotation"
        elif label == span.label:
            mark, note = FOUND, "as in the gold annotation"
        else:
            mark, note = WRONG, f"wrong: in the gold annotation it is {label}"
        yield JudgedEntity(span.start, span.end, span.label, span.score, mark, note)


def _missed(document: PredictedDocument) -> Iterator[JudgedEntity]:
    predicted = {(span.start, span.end, span.label) for span in document.predicted_entities}
    for span in document.document.entities or []:
        if (span.start, span.end, span.label) not in predicted:
            note = "missed: only in the gold annotation"
            yield JudgedEntity(span.start, span.end, span.label, None, MISSED, note)
