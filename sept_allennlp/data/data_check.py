"""Checks of annotated data: what costs recall, what looks like a mistake."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from statistics import median
from typing import Any, Dict, List, Literal, Optional, Tuple

from sept_runtime.documents import AnnotatedSpan, Document

# A rare label beside a frequent one of nearly the same spelling is probably a typo.
_RARE = 0.1
_SHORTEST_TYPO = 4

# Examples in messages and reports.
_EXAMPLES = 3


@dataclass(frozen=True)
class Windows:
    """
    The windows of an encoder, in word pieces; see `WordPieceEmbedder`.

    # Parameters

    content : `int`
        The pieces in a window, without special pieces.
    stride : `int`
        The distance between two windows.
    """

    content: int
    stride: int

    def borders(self, pieces: int) -> List[int]:
        """Return the pieces at which the next window becomes the one with more context."""
        last = max(0, pieces - self.content)
        starts = [*range(0, last, self.stride), last]
        return [(first + second + self.content) // 2 for first, second in zip(starts, starts[1:])]


@dataclass(frozen=True)
class ModelLimits:
    """
    What a model can read and find.

    # Parameters

    max_span_width : `int`, optional
        In words; `None` for models without such a limit.
    flat : `bool`, optional (default = `False`)
        Whether predicted entities never share a word.
    count_pieces : `Callable[[Sequence[str]], List[int]]`, optional
        Returns the number of word pieces of each word of a document.
    windows : `Windows`, optional
    """

    max_span_width: Optional[int] = None
    flat: bool = False
    count_pieces: Optional[Callable[[Sequence[str]], List[int]]] = None
    windows: Optional[Windows] = None


@dataclass
class SplitSummary:
    """
    Counts of a split. `recall_*` are points of recall, of 100, that no training can get back.

    `pieces` holds the median and the largest number of word pieces of a document.
    """

    documents: int = 0
    invalid_documents: int = 0
    documents_without_annotation: int = 0
    documents_without_entities: int = 0
    sentences: int = 0
    words: int = 0
    entities: int = 0
    relations: int = 0
    labels: Dict[str, int] = field(default_factory=dict)
    relation_labels: Dict[str, int] = field(default_factory=dict)
    widest_entity: int = 0
    too_wide: int = 0
    overlapping: int = 0
    lost_by_flat: int = 0
    crossing_sentences: int = 0
    blank_words: int = 0
    odd_words: int = 0
    odd_examples: List[str] = field(default_factory=list)
    pieces: Optional[Dict[str, float]] = None
    documents_in_windows: int = 0
    entities_cut_by_windows: int = 0
    recall_lost_by_width: float = 0.0
    recall_lost_by_flat: float = 0.0
    highest_recall: float = 100.0


@dataclass(frozen=True)
class Finding:
    """A sentence about the data. An error is probably a mistake; a note costs recall or time."""

    severity: Literal["error", "note"]
    kind: str
    message: str


@dataclass(frozen=True)
class DataReport:
    """Summaries of all splits, and what is remarkable about them, errors first."""

    splits: Dict[str, SplitSummary]
    findings: List[Finding]

    @property
    def errors(self) -> List[Finding]:
        """Return the findings that are probably mistakes."""
        return [finding for finding in self.findings if finding.severity == "error"]

    def to_json(self) -> Dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "splits": {name: asdict(summary) for name, summary in self.splits.items()},
            "findings": [asdict(finding) for finding in self.findings],
        }


@dataclass(frozen=True)
class Refused:
    """
    A document that a reader refuses.

    # Parameters

    message : `str`
    crossing : `int`, optional (default = `0`)
        The number of its entities that cross a sentence's end.
    """

    message: str
    crossing: int = 0


def check_data(
    splits: Mapping[str, Sequence[Document]],
    limits: ModelLimits,
    refused: Optional[Mapping[str, Sequence[Refused]]] = None,
) -> DataReport:
    """
    Count what is in the splits of a data set, and find mistakes.

    # Parameters

    splits : `Mapping[str, Sequence[Document]]`
        The documents of each split, the training data first.
    limits : `ModelLimits`
    refused : `Mapping[str, Sequence[Refused]]`, optional
        The documents of each split that could not be read.
    """
    refused = refused or {}
    summaries = {
        name: _summary(documents, limits, refused.get(name, ()))
        for name, documents in splits.items()
    }
    findings = [
        *_invalid(refused),
        *_repeated(splits),
        *_odd_labels(summaries, "label", lambda summary: summary.labels),
        *_odd_labels(summaries, "relation label", lambda summary: summary.relation_labels),
        *_odd_words(summaries),
        *_costs(summaries, limits),
    ]
    return DataReport(summaries, sorted(findings, key=lambda finding: finding.severity))


def shared_documents(
    splits: Mapping[str, Sequence[Document]],
) -> Iterator[Tuple[str, Document, str, Document]]:
    """Yield each document that is in two splits, by its key or by its words."""
    for (first, theirs), (second, ours) in combinations(splits.items(), 2):
        by_key = {document.key: document for document in theirs if document.key}
        by_words = {_words(document): document for document in theirs}
        for document in ours:
            other = by_words.get(_words(document)) or by_key.get(document.key)
            if other is not None and document.words:
                yield first, other, second, document


def _words(document: Document) -> Tuple[str, ...]:
    # Documents that differ only in upper and lower case count as one.
    return tuple(word.lower() for word in document.words)


def _summary(
    documents: Sequence[Document], limits: ModelLimits, refused: Sequence[Refused]
) -> SplitSummary:
    summary = SplitSummary(
        documents=len(documents),
        invalid_documents=len(refused),
        crossing_sentences=sum(document.crossing for document in refused),
    )
    labels: Counter[str] = Counter()
    relation_labels: Counter[str] = Counter()
    words: Counter[str] = Counter()
    lengths = []
    reachable = 0
    for document in documents:
        entities = document.entities or []
        words.update(document.words)
        labels.update(entity.label for entity in entities)
        relation_labels.update(relation.label for relation in document.relations or [])
        summary.sentences += len(document.sentences)
        summary.documents_without_annotation += document.entities is None
        summary.documents_without_entities += document.entities == []
        widths = [entity.end - entity.start + 1 for entity in entities]
        summary.widest_entity = max([summary.widest_entity, *widths])
        limit = limits.max_span_width
        narrow = [
            entity for entity, width in zip(entities, widths) if limit is None or width <= limit
        ]
        summary.too_wide += len(entities) - len(narrow)
        summary.overlapping += _count_overlapping(entities)
        summary.lost_by_flat += len(entities) - _most_without_overlaps(entities)
        reachable += _most_without_overlaps(narrow) if limits.flat else len(narrow)
        if limits.count_pieces is not None:
            counts = limits.count_pieces(document.words)
            lengths.append(sum(counts))
            if limits.windows is not None and lengths[-1] > limits.windows.content:
                summary.documents_in_windows += 1
                borders = limits.windows.borders(lengths[-1])
                summary.entities_cut_by_windows += _count_cut(entities, counts, borders)
    summary.words = words.total()
    summary.labels, summary.relation_labels = dict(labels), dict(relation_labels)
    summary.entities, summary.relations = labels.total(), relation_labels.total()
    blank = {word for word in words if not word.strip()}
    odd = [word for word in words if word not in blank and _is_odd(word)]
    summary.blank_words = sum(words[word] for word in blank)
    summary.odd_words = sum(words[word] for word in odd)
    summary.odd_examples = odd[:_EXAMPLES]
    if lengths:
        summary.pieces = {"median": median(lengths), "max": max(lengths)}
    if summary.entities:
        of_all = 100 / summary.entities
        summary.recall_lost_by_width = round(summary.too_wide * of_all, 2)
        if limits.flat:
            summary.recall_lost_by_flat = round(summary.lost_by_flat * of_all, 2)
        summary.highest_recall = round(reachable * of_all, 2)
    return summary


def _count_overlapping(entities: Sequence[AnnotatedSpan]) -> int:
    covered = Counter(word for entity in entities for word in range(entity.start, entity.end + 1))
    return sum(
        any(covered[word] > 1 for word in range(entity.start, entity.end + 1))
        for entity in entities
    )


def _most_without_overlaps(entities: Sequence[AnnotatedSpan]) -> int:
    # The largest set of spans that share no word: always take the one that ends first.
    count, end = 0, -1
    for entity in sorted(entities, key=lambda entity: entity.end):
        if entity.start > end:
            count, end = count + 1, entity.end
    return count


def _count_cut(
    entities: Sequence[AnnotatedSpan], counts: Sequence[int], borders: Sequence[int]
) -> int:
    starts = [0]
    for count in counts:
        starts.append(starts[-1] + count)
    return sum(
        any(starts[entity.start] < border < starts[entity.end + 1] for border in borders)
        for entity in entities
    )


def _is_odd(word: str) -> bool:
    # White space inside, control characters, unassigned and private characters, halves of
    # characters, and the sign for a damaged character.
    return any(
        char.isspace()
        or char == "\N{REPLACEMENT CHARACTER}"
        or unicodedata.category(char)[0] == "C"
        for char in word
    )


def _invalid(refused: Mapping[str, Sequence[Refused]]) -> Iterator[Finding]:
    for split, documents in refused.items():
        for document in documents[:_EXAMPLES]:
            yield Finding("error", "invalid_document", f"{split}: {document.message}")
        if len(documents) > _EXAMPLES:
            more = f"{split}: {len(documents) - _EXAMPLES} more documents are invalid."
            yield Finding("error", "invalid_document", more)
        crossing = sum(document.crossing for document in documents)
        if crossing:
            message = f"{split}: {crossing} entities cross the end of a sentence."
            yield Finding("error", "crossing_sentences", message)


def _repeated(splits: Mapping[str, Sequence[Document]]) -> Iterator[Finding]:
    for split, documents in splits.items():
        # A file that is listed twice is meant to be read twice.
        named = {(d.key, d.origin or id(d)) for d in documents if d.key}
        keys = Counter(key for key, _ in named)
        repeated = [key for key, count in keys.items() if count > 1]
        if repeated:
            message = f"{split}: {_listed('document key', repeated)} occur more than once."
            yield Finding("error", "duplicate_key", message)
        texts: Dict[Tuple[str, ...], List[str]] = {}
        for document in documents:
            if document.words:
                texts.setdefault(_words(document), []).append(document.key)
        same = [f"{keys[0]} = {keys[1]}" for keys in texts.values() if len({*keys}) > 1]
        if same:
            message = f"{split}: documents with the same words under different keys: "
            yield Finding("error", "duplicate_text", message + _examples(same) + ".")
    shared: Dict[Tuple[str, str], List[str]] = {}
    for first, other, second, document in shared_documents(splits):
        name = document.key if document.key == other.key else f"{other.key} = {document.key}"
        shared.setdefault((first, second), []).append(name)
    for (first, second), names in shared.items():
        message = f"{_listed('document', names)} are in both {first} and {second}."
        yield Finding("error", "shared_document", message)


def _odd_labels(
    summaries: Mapping[str, SplitSummary],
    kind: str,
    labels_of: Callable[[SplitSummary], Mapping[str, int]],
) -> Iterator[Finding]:
    counts: Counter[str] = Counter()
    for summary in summaries.values():
        counts.update(labels_of(summary))
    for rare, frequent in combinations(sorted(counts, key=lambda label: counts[label]), 2):
        if _looks_like_typo(rare, frequent) and counts[rare] <= _RARE * counts[frequent]:
            yield Finding(
                "error",
                "label_typo",
                f"The {kind} {rare!r} ({counts[rare]}) looks like a typo of {frequent!r} "
                f"({counts[frequent]}).",
            )
    with_labels = {name: labels_of(summary) for name, summary in summaries.items()}
    with_labels = {name: labels for name, labels in with_labels.items() if labels}
    if len(with_labels) < 2:
        return
    for label in counts:
        splits = [name for name, labels in with_labels.items() if label in labels]
        if len(splits) == 1:
            # A label that the first split lacks cannot be learned.
            severity: Literal["error", "note"] = (
                "note" if splits[0] == next(iter(summaries)) else "error"
            )
            message = f"The {kind} {label!r} ({counts[label]}) occurs only in {splits[0]}."
            yield Finding(severity, "label_in_one_split", message)


def _looks_like_typo(first: str, second: str) -> bool:
    if first.casefold().strip() == second.casefold().strip():
        return True
    shorter = min(len(first), len(second))
    if shorter < _SHORTEST_TYPO:
        return False
    return _distance(first, second) <= (1 if shorter < 2 * _SHORTEST_TYPO else 2)


def _distance(first: str, second: str) -> int:
    # Levenshtein's.
    row = list(range(len(second) + 1))
    for i, char in enumerate(first, start=1):
        previous, row[0] = row[0], i
        for j, other in enumerate(second, start=1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (char != other))
    return row[-1]


def _odd_words(summaries: Mapping[str, SplitSummary]) -> Iterator[Finding]:
    for split, summary in summaries.items():
        if summary.blank_words:
            message = f"{split}: {summary.blank_words} words are blank."
            yield Finding("error", "blank_words", message)
        if summary.odd_words:
            examples = ", ".join(map(repr, summary.odd_examples))
            message = (
                f"{split}: {summary.odd_words} words hold white space, control characters or "
                f"damaged characters, such as {examples}."
            )
            yield Finding("error", "odd_words", message)


def _costs(summaries: Mapping[str, SplitSummary], limits: ModelLimits) -> Iterator[Finding]:
    for split, summary in summaries.items():
        costs = []
        if summary.too_wide:
            costs.append(
                f"{summary.too_wide} entities are wider than max_span_width "
                f"{limits.max_span_width} (widest: {summary.widest_entity} words), which costs "
                f"{summary.recall_lost_by_width:.2f} points of recall"
            )
        if limits.flat and summary.lost_by_flat:
            costs.append(
                f"{summary.overlapping} entities overlap, and 'flat' loses "
                f"{summary.lost_by_flat}: {summary.recall_lost_by_flat:.2f} points of recall"
            )
        for cost in costs:
            yield Finding("note", "recall", f"{split}: {cost}.")
        if summary.documents_in_windows:
            message = (
                f"{split}: {summary.documents_in_windows} documents are longer than the encoder's "
                f"window; {summary.entities_cut_by_windows} entities lie across two windows."
            )
            yield Finding("note", "windows", message)
        if summary.documents_without_annotation:
            message = (
                f"{split}: {summary.documents_without_annotation} documents have no annotation."
            )
            yield Finding("note", "no_annotation", message)


def _listed(noun: str, names: Sequence[str]) -> str:
    return f"{len(names)} {noun}s ({_examples(names)})"


def _examples(names: Sequence[str]) -> str:
    more = f" and {len(names) - _EXAMPLES} more" if len(names) > _EXAMPLES else ""
    return ", ".join(names[:_EXAMPLES]) + more
