"""Documents, the entities in them, and the relations between entities."""

from dataclasses import dataclass, field
from typing import AbstractSet, Dict, List, NamedTuple, Optional, Tuple, Union


class DocumentError(ValueError):
    """An error in a document; the message says where and what is wrong."""


class AnnotatedSpan(NamedTuple):
    """
    An annotated entity.

    `start` and `end` are inclusive word indices over the document.
    """

    start: int
    end: int
    label: str


class ScoredSpan(NamedTuple):
    """
    A predicted entity.

    `start` and `end` are inclusive word indices over the document. `score` is the label's
    probability, which may be missing in a file of predictions. `labels` are the most probable
    labels of the span with their probabilities, if `Decoding.top_labels` asks for them.
    """

    start: int
    end: int
    label: str
    score: Optional[float] = None
    labels: Tuple[Tuple[str, float], ...] = ()


Span = Union[AnnotatedSpan, ScoredSpan]


class AnnotatedRelation(NamedTuple):
    """
    An annotated relation between two entities of one sentence.

    `head` and `tail` are the first and last words of the two entities, as in `AnnotatedSpan`.
    """

    head: Tuple[int, int]
    tail: Tuple[int, int]
    label: str

    def directed(self, symmetric_labels: AbstractSet[str]) -> "AnnotatedRelation":
        """
        Return the relation with the earlier entity first, if its label has no direction.

        Relations that say the same are equal then.
        """
        if self.label in symmetric_labels and self.tail < self.head:
            return AnnotatedRelation(self.tail, self.head, self.label)
        return self


class ScoredRelation(NamedTuple):
    """
    A predicted relation.

    `head` and `tail` are indices into the document's predicted entities. `score` is the label's
    probability.
    """

    head: int
    tail: int
    label: str
    score: Optional[float] = None


class SoftSpan(NamedTuple):
    """
    A candidate span with a model's probability of each label.

    The rest of 1 is the probability that the span is no entity. A label that is not listed has the
    probability 0. `start` and `end` are inclusive word indices over the document.
    """

    start: int
    end: int
    probabilities: Dict[str, float]


class SoftRelation(NamedTuple):
    """
    A pair of entities and a model's probability for each label of a relation from head to tail.

    `head` and `tail` are first and last word as in `AnnotatedRelation`. A label that is not listed
    has the probability 0.
    """

    head: Tuple[int, int]
    tail: Tuple[int, int]
    probabilities: Dict[str, float]


class SoftRelations(NamedTuple):
    """
    A model's probabilities for the pairs of entities that it found in a document.

    # Parameters

    labels : `Tuple[str, ...]`
        Every label of a relation that the model knows.
    pairs : `List[SoftRelation]`
        The pairs that the model scored, in both directions, none twice. The model says nothing of
        any other pair.
    """

    labels: Tuple[str, ...]
    pairs: List[SoftRelation]


class SoftAnnotation(NamedTuple):
    """
    A model's probabilities for all candidate spans of a document, for another model to learn.

    # Parameters

    labels : `Tuple[str, ...]`
        Every label that the model knows.
    spans : `List[SoftSpan]`
        The candidates that may be entities, ordered by place, none twice. Any other candidate is no
        entity, with probability 1.
    relations : `SoftRelations`, optional (default = `None`)
        The model's probabilities for pairs of entities, if it was asked for them.
    """

    labels: Tuple[str, ...]
    spans: List[SoftSpan]
    relations: Optional[SoftRelations] = None


class Prediction(NamedTuple):
    """
    The predicted entities of a document, ordered by place, and the relations between them.

    `relations` is `None` if the model predicts no relations. `soft` is set if
    `Decoding.soft_labels` asks for it. `symmetric_labels` are the labels of relations without a
    direction, or `None` if the model or file does not say. `error` says why the model could not
    process the document.
    """

    entities: List[ScoredSpan]
    relations: Optional[List[ScoredRelation]] = None
    soft: Optional[SoftAnnotation] = None
    symmetric_labels: Optional[Tuple[str, ...]] = None
    error: Optional[str] = None

    def in_words(self, relation: ScoredRelation) -> AnnotatedRelation:
        """Return one of `relations` with places instead of indices."""
        head, tail = self.entities[relation.head], self.entities[relation.tail]
        return AnnotatedRelation((head.start, head.end), (tail.start, tail.end), relation.label)


@dataclass
class Document:
    """
    A document, whatever file it came from.

    # Parameters

    key : `str`
        The document's name in its file: SciERC's `doc_key`.
    sentences : `List[List[str]]`
        The words, sentence by sentence. A document without words has no candidates and no loss.
    entities : `List[AnnotatedSpan]`, optional (default = `None`)
        The gold annotation; `None` if the document is not annotated. An empty list says that it is
        annotated and has no entity.
    text : `str`, optional (default = `None`)
        The raw text.
    offsets : `List[Tuple[int, int]]`, optional (default = `None`)
        Per word its first character in `text` and the one after its last. Characters are Unicode
        code points.
    origin : `str`, optional (default = `""`)
        File and line, for messages.
    relations : `List[AnnotatedRelation]`, optional (default = `None`)
        The gold relations between `entities`; `None` if relations are not annotated.
    soft : `SoftAnnotation`, optional (default = `None`)
        The probabilities of a teacher for the candidate spans.
    """

    key: str
    sentences: List[List[str]]
    entities: Optional[List[AnnotatedSpan]] = None
    text: Optional[str] = None
    offsets: Optional[List[Tuple[int, int]]] = None
    origin: str = field(default="", compare=False)
    relations: Optional[List[AnnotatedRelation]] = None
    soft: Optional[SoftAnnotation] = None

    @property
    def words(self) -> List[str]:
        """Return the words of all sentences, which the indices of spans count."""
        return [word for sentence in self.sentences for word in sentence]

    @property
    def sentence_ids(self) -> List[int]:
        """Return the index of each word's sentence."""
        return [i for i, sentence in enumerate(self.sentences) for _ in sentence]

    def describe(self) -> str:
        """Return the document's name in a message: its file and line, and its key."""
        return describe(self.origin, self.key)


def describe(origin: str, key: str) -> str:
    """Return the name in a message of the document with this key in this file and line."""
    if not key:
        return origin or "the document"
    return f"{origin}: document {key!r}" if origin else f"document {key!r}"
