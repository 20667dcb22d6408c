from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

from sept_runtime.analysis.names import find_acronyms, fold_name
from sept_runtime.formats.json_lines import JsonObject, read_json_lines
from sept_runtime.formats.predictions import PredictedDocument, prediction_from_json
from sept_runtime.tokenization.words import with_joined_text

# A name: its label and the form that its spellings share.
Name = Tuple[str, str]


class Mention(NamedTuple):
    """
    An occurrence of an entity.

    # Parameters

    name : `Name`
    text : `str`
        The entity as it is written, with single spaces.
    sentence : `int`
        The sentence's number in its document.
    start, end : `int`
        Characters of the entity in the text of the sentence.
    """

    name: Name
    text: str
    sentence: int
    start: int
    end: int


@dataclass
class EntityCount:
    """
    The counts of an entity.

    # Parameters

    label : `str`
    name : `str`
        The most frequent spelling, with the acronym if there is one: "long short-term memory
        (LSTM)".
    mentions, documents : `int`
    by_value : `Counter[str]`
        Documents by the value of a field, such as the year.
    """

    label: str
    name: str
    mentions: int
    documents: int
    by_value: "Counter[str]" = field(default_factory=Counter)


class PairCount(NamedTuple):
    """The number of documents in which a relation holds between two entities."""

    head: str
    head_label: str
    relation: str
    tail: str
    tail_label: str
    documents: int


class AnalyzedDocument(NamedTuple):
    """
    The names, pairs and sentences of a document.

    # Parameters

    key, title : `str`
    value : `str`
        The value of the field to count by; empty without one.
    sentences : `List[str]`
        The text of each sentence, with single spaces.
    mentions : `List[Mention]`
    pairs : `Set[Tuple[Name, str, Name]]`
        Head, relation and tail.
    acronyms : `Dict[str, str]`
        Short and long forms that the text introduces.
    """

    key: str
    title: str
    value: str
    sentences: List[str]
    mentions: List[Mention]
    pairs: Set[Tuple[Name, str, Name]]
    acronyms: Dict[str, str]


class CorpusCounts:
    """
    Counts of entities and of pairs over a corpus.

    Spellings that differ in case, hyphens or plural count as one name, and so does an acronym with
    the long form that the same document introduces.
    """

    def __init__(self) -> None:
        self.num_documents = 0
        self.num_failed = 0
        self.documents_by_value: Counter[str] = Counter()
        self._mentions: Counter[Name] = Counter()
        self._documents: Counter[Name] = Counter()
        self._spellings: Dict[Name, Counter[str]] = defaultdict(Counter)
        self._short_forms: Dict[str, Counter[str]] = defaultdict(Counter)
        self._by_value: Dict[Name, Counter[str]] = defaultdict(Counter)
        self._pairs: Counter[Tuple[Name, str, Name]] = Counter()

    def add(self, document: AnalyzedDocument) -> None:
        """Count a document."""
        self.num_documents += 1
        if document.value:
            self.documents_by_value[document.value] += 1
        for mention in document.mentions:
            self._mentions[mention.name] += 1
            self._spellings[mention.name][mention.text] += 1
        for name in {mention.name for mention in document.mentions}:
            self._documents[name] += 1
            if document.value:
                self._by_value[name][document.value] += 1
        self._pairs.update(document.pairs)
        for short, long_form in document.acronyms.items():
            self._short_forms[fold_name(long_form)][_without_plural(short)] += 1

    def entities(self, label: Optional[str] = None, top: Optional[int] = None) -> List[EntityCount]:
        """
        Return the entities, those in most documents first.

        # Parameters

        label : `str`, optional
            Only entities with this label.
        top : `int`, optional
            At most so many.
        """
        return [
            EntityCount(
                name[0],
                self.display(name),
                self._mentions[name],
                documents,
                self._by_value.get(name, Counter()),
            )
            for name, documents in self.names(label, top)
        ]

    def names(
        self, label: Optional[str] = None, top: Optional[int] = None
    ) -> List[Tuple[Name, int]]:
        """Return names and in how many documents each occurs, the most frequent first."""
        chosen = [each for each in self._documents.items() if label in (None, each[0][0])]
        chosen.sort(key=lambda each: (-each[1], -self._mentions[each[0]], each[0]))
        return chosen[:top]

    def pairs(
        self,
        relation: Optional[str] = None,
        head_label: Optional[str] = None,
        tail_label: Optional[str] = None,
        top: Optional[int] = None,
    ) -> List[PairCount]:
        """Return related pairs of entities, those in most documents first."""
        chosen = [
            PairCount(self.display(head), head[0], label, self.display(tail), tail[0], documents)
            for (head, label, tail), documents in sorted(
                self._pairs.items(), key=lambda each: (-each[1], each[0])
            )
            if relation in (None, label)
            and head_label in (None, head[0])
            and tail_label in (None, tail[0])
        ]
        return chosen[:top]

    def display(self, name: Name) -> str:
        """Return a name as people write it."""
        spellings = self._spellings.get(name)
        if not spellings:
            return name[1]
        # The most frequent spelling that is not the acronym itself; of equal ones the shortest.
        short_forms = self._short_forms.get(name[1], Counter())
        ranked = sorted(spellings.items(), key=lambda each: (-each[1], len(each[0]), each[0]))
        written = [text for text, _ in ranked if _without_plural(text) not in short_forms]
        best = written[0] if written else name[1]
        if short_forms:
            short = short_forms.most_common(1)[0][0]
            if short not in best.split():
                return f"{best} ({short})"
        return best


def count_predictions(path: str, by: Optional[str] = None, min_score: float = 0.0) -> CorpusCounts:
    """
    Count the entities of a file that `sept predict` wrote.

    # Parameters

    path : `str`
    by : `str`, optional
        A field of the lines by whose values documents are counted, such as `year`.
    min_score : `float`, optional (default = `0.0`)
        Entities with a lower score are left out.

    # Raises

    `DocumentError` at the first invalid line.
    """
    counts = CorpusCounts()
    for document in analyzed_documents(path, by, min_score):
        if document is None:
            counts.num_failed += 1
        else:
            counts.add(document)
    return counts


def analyzed_documents(
    path: str, by: Optional[str] = None, min_score: float = 0.0
) -> Iterator[Optional[AnalyzedDocument]]:
    """
    Yield the documents of a predictions file; `None` for an input that failed.

    The parameters and errors are those of `count_predictions`.
    """
    for origin, fields in read_json_lines(path):
        if isinstance(fields, dict) and "error" in fields and "sentences" not in fields:
            yield None
        else:
            document = prediction_from_json(fields, origin)
            yield analyze(document, _value(fields, by), min_score)


def analyze(
    predicted: PredictedDocument, value: str = "", min_score: float = 0.0
) -> AnalyzedDocument:
    """
    Find the names of a document's entities.

    Without predictions, the gold annotation counts.
    """
    document = with_joined_text(predicted.document)
    text, offsets = document.text or "", document.offsets or []
    acronyms = find_acronyms(text)
    sentence_ids = document.sentence_ids
    bounds: Dict[int, Tuple[int, int]] = {}
    for sentence, (start, end) in zip(sentence_ids, offsets):
        bounds[sentence] = (bounds[sentence][0] if sentence in bounds else start, end)
    sentences = [
        text[slice(*bounds[number])] if number in bounds else ""
        for number in range(len(document.sentences))
    ]
    mentions: List[Mention] = []
    names: List[Optional[Name]] = []
    entities: Iterable[Any] = predicted.predicted_entities
    if predicted.predicted is None:
        entities = document.entities or []
    for entity in entities:
        score = getattr(entity, "score", None)
        if score is not None and score < min_score:
            names.append(None)
            continue
        start, end = offsets[entity.start][0], offsets[entity.end][1]
        written = " ".join(text[start:end].split())
        name = (entity.label, _expanded(written, acronyms))
        names.append(name)
        sentence = sentence_ids[entity.start]
        first = bounds[sentence][0]
        mentions.append(Mention(name, written, sentence, start - first, end - first))
    return AnalyzedDocument(
        document.key,
        predicted.title or "",
        value,
        sentences,
        mentions,
        set(_pairs(predicted, names)),
        acronyms,
    )


def _pairs(
    predicted: PredictedDocument, names: List[Optional[Name]]
) -> Iterator[Tuple[Name, str, Name]]:
    if predicted.predicted is None:
        return
    symmetric = predicted.predicted.symmetric_labels or ()
    for relation in predicted.predicted.relations or []:
        head, tail = names[relation.head], names[relation.tail]
        if head is None or tail is None or head == tail:
            continue
        if relation.label in symmetric and tail < head:
            head, tail = tail, head
        yield head, relation.label, tail


def _expanded(written: str, acronyms: Dict[str, str]) -> str:
    """Return the folded name, of its long form if it is an acronym of the document."""
    # "long short-term memory (LSTM)" is the long form, too.
    before, parenthesis, short = written.partition(" (")
    if parenthesis and short.endswith(")") and short[:-1] in acronyms:
        written = before
    long_form = acronyms.get(written) or acronyms.get(_without_plural(written))
    if long_form is None and written + "s" in acronyms:
        long_form = acronyms[written + "s"]
    return fold_name(long_form or written)


def _without_plural(short: str) -> str:
    return short[:-1] if len(short) > 2 and short.endswith("s") and short[:-1].isupper() else short


def _value(fields: JsonObject, by: Optional[str]) -> str:
    if by is None:
        return ""
    value: Any = fields
    for key in by.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    if value is None or isinstance(value, (dict, list)):
        return ""
    # A date counts by its year: "2019-05-01".
    return str(value)[:4] if by == "year" else str(value)
