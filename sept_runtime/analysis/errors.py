"""Errors of predictions against gold annotations: what kind they are and where they occur."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Dict, List, NamedTuple, Optional, Tuple

from sept_runtime.documents import (
    AnnotatedRelation,
    AnnotatedSpan,
    Document,
    DocumentError,
    Prediction,
    ScoredRelation,
    ScoredSpan,
    Span,
)
from sept_runtime.formats.predictions import PredictedDocument
from sept_runtime.formats.scierc import SYMMETRIC_LABELS
from sept_runtime.scoring import precision_recall_f1
from sept_runtime.tokenization.words import restore_brackets

# Outcomes of entities. Both the gold and the predicted entity of a pair have the pair's outcome.
RIGHT = "right"
LABEL = "label wrong"
BOUNDARY = "boundary wrong"
BOTH = "boundary and label wrong"
MISSED = "missed"
SPURIOUS = "spurious"
OUTCOMES = (RIGHT, LABEL, BOUNDARY, BOTH, MISSED, SPURIOUS)

# Outcomes of relations.
REVERSED = "direction wrong"
LOST = "missed, entity not found"
WRONG_ENTITY = "spurious, entity not gold"
RELATION_OUTCOMES = (RIGHT, LABEL, REVERSED, MISSED, LOST, SPURIOUS, WRONG_ENTITY)

# Stands for "no entity" in a confusion matrix.
NOTHING = "—"

_WIDTHS = ((1, "1 word"), (2, "2 words"), (3, "3 words"), (4, "4 words"), (7, "5 to 7 words"))
_SENTENCES = ((15, "up to 15 words"), (25, "16 to 25 words"), (40, "26 to 40 words"))
_SCORE_BINS = 10


class Case(NamedTuple):
    """
    A gold entity, a predicted one, or a pair of both.

    # Parameters

    document : `PredictedDocument`
    outcome : `str`
        Of `OUTCOMES`.
    gold : `AnnotatedSpan`, optional
    predicted : `ScoredSpan`, optional
    nested_gold, nested_predicted : `bool`
        Whether the entity shares a word with another gold (or predicted) entity.
    """

    document: PredictedDocument
    outcome: str
    gold: Optional[AnnotatedSpan]
    predicted: Optional[ScoredSpan]
    nested_gold: bool = False
    nested_predicted: bool = False

    @property
    def span(self) -> Span:
        """Return the gold entity, or the predicted one if there is none."""
        span = self.gold or self.predicted
        assert span is not None
        return span


class RelationCase(NamedTuple):
    """A gold or predicted relation, or a pair of both, with its outcome of `RELATION_OUTCOMES`."""

    outcome: str
    gold: Optional[AnnotatedRelation]
    predicted: Optional[AnnotatedRelation]


@dataclass
class Counts:
    """Right, predicted and gold entities of a group."""

    right: int = 0
    predicted: int = 0
    gold: int = 0

    @property
    def scores(self) -> Tuple[float, float, float]:
        """Return precision, recall and F1."""
        scores = precision_recall_f1(self.right, self.predicted, self.gold)
        return scores["precision"], scores["recall"], scores["f1"]


class ScoreBin(NamedTuple):
    """Predicted entities with scores from `low` to `high`."""

    low: float
    high: float
    predicted: int
    mean_score: float
    precision: float


@dataclass
class ErrorReport:
    """
    The errors of a system.

    # Parameters

    documents : `int`
    cases : `List[Case]`
        Every gold and every predicted entity, once.
    relations : `List[RelationCase]`, optional
        `None` if no document has both gold and predicted relations.
    groups : `Dict[str, Dict[str, Counts]]`
        Counts by label, width, sentence length, training data and nesting.
    """

    documents: int = 0
    cases: List[Case] = field(default_factory=list)
    relations: Optional[List[RelationCase]] = None
    groups: Dict[str, Dict[str, Counts]] = field(default_factory=dict)

    @property
    def outcomes(self) -> "Counter[str]":
        """Count the cases of each outcome."""
        return Counter(case.outcome for case in self.cases)

    @property
    def relation_outcomes(self) -> "Counter[str]":
        """Count the relations of each outcome."""
        return Counter(case.outcome for case in self.relations or [])

    def counts(self) -> Counts:
        """Count all entities."""
        return Counts(
            sum(case.outcome == RIGHT for case in self.cases),
            sum(case.predicted is not None for case in self.cases),
            sum(case.gold is not None for case in self.cases),
        )

    def confusion(self) -> Dict[Tuple[str, str], int]:
        """
        Count pairs of gold and predicted label.

        Pairs share at least a word. `NOTHING` is the predicted label of missed entities and the
        gold label of spurious ones.
        """
        return dict(
            Counter(
                (
                    case.gold.label if case.gold else NOTHING,
                    case.predicted.label if case.predicted else NOTHING,
                )
                for case in self.cases
            )
        )

    def reliability(self) -> List[ScoreBin]:
        """Return the precision of predicted entities in each tenth of the scores."""
        bins: Dict[int, List[Tuple[float, bool]]] = {}
        for case in self.cases:
            if case.predicted is not None and case.predicted.score is not None:
                score = case.predicted.score
                index = min(int(score * _SCORE_BINS), _SCORE_BINS - 1)
                bins.setdefault(index, []).append((score, case.outcome == RIGHT))
        return [
            ScoreBin(
                index / _SCORE_BINS,
                (index + 1) / _SCORE_BINS,
                len(found),
                sum(score for score, _ in found) / len(found),
                sum(right for _, right in found) / len(found),
            )
            for index, found in sorted(bins.items())
        ]


class Comparison(NamedTuple):
    """
    Two systems on the same documents.

    # Parameters

    found : `Dict[str, Dict[str, int]]`
        For each gold label, the entities that both, only the first, only the second, or neither
        predicts with the right boundary and label.
    spurious : `Dict[str, int]`
        Wrong predictions of both, and of either system alone.
    only_first, only_second : `List[Case]`
        The gold entities that only one finds, as cases of the other system.
    """

    found: Dict[str, Dict[str, int]]
    spurious: Dict[str, int]
    only_first: List[Case]
    only_second: List[Case]


def analyze_errors(
    documents: Iterable[PredictedDocument],
    training: Optional[Iterable[Document]] = None,
    min_score: float = 0.0,
) -> ErrorReport:
    """
    Compare the predictions of documents with their gold annotations.

    Gold and predicted entities are paired one to one: equal ones first, then those with the same
    words, then overlapping ones with the same label, then other overlapping ones, each time those
    that share most words.

    # Parameters

    documents : `Iterable[PredictedDocument]`
    training : `Iterable[Document]`, optional
        The training data, to tell entities that occur in them from others.
    min_score : `float`, optional (default = `0.0`)
        Ignore predicted entities with a lower score, and their relations.

    # Raises

    `DocumentError` for documents without gold annotation, without predictions, or without the
    scores that `min_score` needs, and for a key that occurs twice.
    """
    report = ErrorReport()
    known = None if training is None else _known_entities(training)
    keys = set()
    relations: List[RelationCase] = []
    has_relations = False
    for document in documents:
        where = document.document.describe()
        if document.document.entities is None or document.predicted is None:
            raise DocumentError(f"{where} needs both gold entities ('ner') and predicted ones")
        if document.document.key and document.document.key in keys:
            raise DocumentError(f"{where} occurs twice in the predictions")
        keys.add(document.document.key)
        if min_score:
            document = _with_min_score(document, min_score)
        report.documents += 1
        report.cases += _cases(document)
        prediction = document.predicted
        assert prediction is not None
        if prediction.relations is not None and document.document.relations is not None:
            has_relations = True
            relations += _relation_cases(document.document, prediction)
    report.relations = relations if has_relations else None
    report.groups = _groups(report.cases, known)
    return report


def compare_systems(first: ErrorReport, second: ErrorReport) -> Comparison:
    """
    Compare two systems on the same documents.

    # Raises

    `DocumentError` if the documents or their gold annotations differ.
    """
    if not all(case.document.document.key for case in (*first.cases, *second.cases)):
        raise DocumentError("Documents need a 'doc_key' to be compared")
    gold = [_gold_cases(report) for report in (first, second)]
    different = gold[0].keys() ^ gold[1].keys()
    if different:
        key, start, end, label = min(different)
        raise DocumentError(
            f"The two files must have the same documents and gold annotations, but only one has "
            f"[{start}, {end}, {label!r}] in document {key!r}"
        )
    found: Dict[str, Dict[str, int]] = {}
    only_first, only_second = [], []
    for entity, case in gold[0].items():
        other = gold[1][entity]
        is_right = case.outcome == RIGHT, other.outcome == RIGHT
        who = {(True, True): "both", (True, False): "only first", (False, True): "only second"}
        counts = found.setdefault(
            entity[3], dict.fromkeys(("both", "only first", "only second", "neither"), 0)
        )
        counts[who.get(is_right, "neither")] += 1
        if is_right == (True, False):
            only_first.append(other)
        elif is_right == (False, True):
            only_second.append(case)
    wrong = [_wrong_predictions(report) for report in (first, second)]
    spurious = {
        "both": len(wrong[0] & wrong[1]),
        "only first": len(wrong[0] - wrong[1]),
        "only second": len(wrong[1] - wrong[0]),
    }
    return Comparison(dict(sorted(found.items())), spurious, only_first, only_second)


def sentence_of(case: Case) -> Tuple[int, int]:
    """Return the first word of the entity's sentence, and the one after its last."""
    start = 0
    for sentence in case.document.document.sentences:
        if case.span.start < start + len(sentence):
            return start, start + len(sentence)
        start += len(sentence)
    raise AssertionError("entities lie inside sentences")


def text_of(case: Case, span: Span) -> str:
    """Return the text of an entity."""
    document = case.document.document
    if document.text is not None and document.offsets is not None:
        return document.text[document.offsets[span.start][0] : document.offsets[span.end][1]]
    return " ".join(restore_brackets(document.words[span.start : span.end + 1]))


def _known_entities(training: Iterable[Document]) -> Dict[Tuple[str, ...], AbstractSet[str]]:
    # The labels of each entity's words.
    known: Dict[Tuple[str, ...], AbstractSet[str]] = {}
    for document in training:
        words = document.words
        for entity in document.entities or []:
            name = _name(words, entity)
            known[name] = known.get(name, frozenset()) | {entity.label}
    return known


def _name(words: Sequence[str], span: Span) -> Tuple[str, ...]:
    return tuple(word.casefold() for word in words[span.start : span.end + 1])


def _with_min_score(document: PredictedDocument, min_score: float) -> PredictedDocument:
    prediction = document.predicted
    assert prediction is not None
    if any(entity.score is None for entity in prediction.entities):
        raise DocumentError(
            f"{document.document.describe()} has no scores, so --min-score cannot be applied"
        )
    kept = [i for i, entity in enumerate(prediction.entities) if (entity.score or 0) >= min_score]
    index = {old: new for new, old in enumerate(kept)}
    relations = prediction.relations
    if relations is not None:
        relations = [
            ScoredRelation(index[r.head], index[r.tail], r.label, r.score)
            for r in relations
            if r.head in index and r.tail in index
        ]
    entities = [prediction.entities[i] for i in kept]
    prediction = prediction._replace(entities=entities, relations=relations)
    return PredictedDocument(document.document, prediction, document.title)


def _cases(document: PredictedDocument) -> Iterator[Case]:
    gold = list(document.document.entities or [])
    predicted = list(document.predicted_entities)
    nested_gold, nested_predicted = _nested(gold), _nested(predicted)

    def case(outcome: str, g: Optional[AnnotatedSpan], p: Optional[ScoredSpan]) -> Case:
        return Case(document, outcome, g, p, g in nested_gold, p in nested_predicted)

    for outcome, matches in (
        (RIGHT, lambda g, p: g[:3] == p[:3]),
        (LABEL, lambda g, p: g[:2] == p[:2]),
        (BOUNDARY, lambda g, p: g.label == p.label and _shared(g, p) > 0),
        (BOTH, lambda g, p: _shared(g, p) > 0),
    ):
        for g, p in _paired(gold, predicted, matches):
            gold.remove(g)
            predicted.remove(p)
            yield case(outcome, g, p)
    for g in gold:
        yield case(MISSED, g, None)
    for p in predicted:
        yield case(SPURIOUS, None, p)


def _paired(
    gold: Sequence[AnnotatedSpan],
    predicted: Sequence[ScoredSpan],
    matches: Callable[[AnnotatedSpan, ScoredSpan], bool],
) -> List[Tuple[AnnotatedSpan, ScoredSpan]]:
    pairs = [(g, p) for g in gold for p in predicted if matches(g, p)]
    # Most shared words first; then the shortest spans, and then the first.
    pairs.sort(key=lambda pair: (-_shared(*pair), _length(*pair), pair[0][:2], pair[1][:2]))
    taken: List[Tuple[AnnotatedSpan, ScoredSpan]] = []
    used_gold, used_predicted = set(), set()
    for g, p in pairs:
        if g not in used_gold and p not in used_predicted:
            used_gold.add(g)
            used_predicted.add(p)
            taken.append((g, p))
    return taken


def _shared(first: Span, second: Span) -> int:
    return max(0, min(first.end, second.end) - max(first.start, second.start) + 1)


def _length(first: Span, second: Span) -> int:
    return first.end - first.start + second.end - second.start


def _nested(spans: Sequence[Span]) -> AbstractSet[Span]:
    covered = Counter(word for span in spans for word in range(span.start, span.end + 1))
    return {span for span in spans if any(covered[w] > 1 for w in range(span.start, span.end + 1))}


def _groups(
    cases: Sequence[Case], known: Optional[Dict[Tuple[str, ...], AbstractSet[str]]]
) -> Dict[str, Dict[str, Counts]]:
    groups: Dict[str, Dict[str, Counts]] = {
        "label": {},
        "width": {name: Counts() for name in (*(name for _, name in _WIDTHS), "8 words and more")},
        "sentence": {
            name: Counts() for name in (*(name for _, name in _SENTENCES), "more than 40 words")
        },
        "training data": {},
        "nesting": {"nested": Counts(), "not nested": Counts()},
    }
    if known is not None:
        groups["training data"] = {
            name: Counts() for name in ("seen with this label", "seen with another label", "unseen")
        }
    labels = {span.label for case in cases for span in (case.gold, case.predicted) if span}
    groups["label"] = {label: Counts() for label in sorted(labels)}
    for case in cases:
        first, end = sentence_of(case)
        words = case.document.document.words
        sides: Tuple[Tuple[Optional[Span], bool, str], ...] = (
            (case.gold, case.nested_gold, "gold"),
            (case.predicted, case.nested_predicted, "predicted"),
        )
        for span, is_nested, side in sides:
            if span is None:
                continue
            group_of = {
                "label": span.label,
                "width": _bucket(span.end - span.start + 1, _WIDTHS, "8 words and more"),
                "sentence": _bucket(end - first, _SENTENCES, "more than 40 words"),
                "nesting": "nested" if is_nested else "not nested",
            }
            if known is not None:
                seen = known.get(_name(words, span), frozenset())
                group_of["training data"] = (
                    "seen with this label"
                    if span.label in seen
                    else "seen with another label"
                    if seen
                    else "unseen"
                )
            for group, name in group_of.items():
                counts = groups[group][name]
                if side == "gold":
                    counts.gold += 1
                    counts.right += case.outcome == RIGHT
                else:
                    counts.predicted += 1
    return {name: group for name, group in groups.items() if group}


def _bucket(value: int, limits: Sequence[Tuple[int, str]], beyond: str) -> str:
    return next((name for limit, name in limits if value <= limit), beyond)


def _relation_cases(document: Document, prediction: Prediction) -> Iterator[RelationCase]:
    symmetric: AbstractSet[str] = SYMMETRIC_LABELS
    if prediction.symmetric_labels is not None:
        symmetric = frozenset(prediction.symmetric_labels)
    gold = list(dict.fromkeys(r.directed(symmetric) for r in document.relations or []))
    predicted = list(
        dict.fromkeys(
            prediction.in_words(relation).directed(symmetric)
            for relation in prediction.relations or []
        )
    )
    gold_spans = {entity[:2] for entity in document.entities or []}
    found_spans = {entity[:2] for entity in prediction.entities}
    for outcome, matches in (
        (RIGHT, lambda g, p: g == p),
        (LABEL, lambda g, p: (g.head, g.tail) == (p.head, p.tail)),
        (REVERSED, lambda g, p: (g.head, g.tail, g.label) == (p.tail, p.head, p.label)),
        (LABEL, lambda g, p: (g.head, g.tail) == (p.tail, p.head)),
    ):
        for g in list(gold):
            match = next((p for p in predicted if matches(g, p)), None)
            if match is not None:
                gold.remove(g)
                predicted.remove(match)
                yield RelationCase(outcome, g, match)
    for g in gold:
        yield RelationCase(MISSED if {g.head, g.tail} <= found_spans else LOST, g, None)
    for p in predicted:
        both_gold = {p.head, p.tail} <= gold_spans
        yield RelationCase(SPURIOUS if both_gold else WRONG_ENTITY, None, p)


def _gold_cases(report: ErrorReport) -> Dict[Tuple[str, int, int, str], Case]:
    return {(case.document.document.key, *case.gold): case for case in report.cases if case.gold}


def _wrong_predictions(report: ErrorReport) -> AbstractSet[Tuple[str, int, int, str]]:
    return {
        (case.document.document.key, *case.predicted[:3])
        for case in report.cases
        if case.predicted and case.outcome != RIGHT
    }
