"""The types that all rooms share: documents, entities in them, and relations between those."""

from dataclasses import dataclass, field
from typing import AbstractSet, Dict, List, NamedTuple, Optional, Tuple, Union


class DocumentError(ValueError):
    """A document that cannot be used; the message says what is wrong and where."""


class AnnotatedSpan(NamedTuple):
    """
    An entity that somebody has annotated: words `start` to `end` (both inclusive, counted over the
    whole document).
    """

    start: int
    end: int
    label: str


class ScoredSpan(NamedTuple):
    """
    A predicted entity.

    `start` and `end` are inclusive word indices over the document, `score` is the label's
    probability, `labels` the most probable labels of the span with their probabilities, where
    `Decoding.top_labels` asks for them. What a model predicts has a score; in a file of predictions
    it may be missing.
    """

    start: int
    end: int
    label: str
    score: Optional[float] = None
    labels: Tuple[Tuple[str, float], ...] = ()


Span = Union[AnnotatedSpan, ScoredSpan]


class AnnotatedRelation(NamedTuple):
    """
    A relation between two entities of one sentence that somebody has annotated: from the entity at
    the words `head` to the one at the words `tail`, each its first and last word as in
    `AnnotatedSpan`.
    """

    head: Tuple[int, int]
    tail: Tuple[int, int]
    label: str

    def directed(self, symmetric_labels: AbstractSet[str]) -> "AnnotatedRelation":
        """
        The same, the earlier entity first if the label has no direction: relations that say the
        same are equal then.
        """
        if self.label in symmetric_labels and self.tail < self.head:
            return AnnotatedRelation(self.tail, self.head, self.label)
        return self


class ScoredRelation(NamedTuple):
    """
    A predicted relation. `head` and `tail` are indices into the document's predicted entities,
    `score` is the label's probability.
    """

    head: int
    tail: int
    label: str
    score: Optional[float] = None


class SoftSpan(NamedTuple):
    """
    A candidate span and what a model believes of it: the probability of each label. What these lack
    of 1 is the probability that it is no entity. `start` and `end` are inclusive word indices over
    the document; a label that is not listed has the probability 0.
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
    What is predicted for a document: its entities, ordered by place, and the relations between
    them; `None` where the model knows of no relations. `soft` is there where
    `Decoding.soft_labels` asks for it. `symmetric_labels` are those of the relations that have no
    direction; `None` where the model, or the file, does not say.
    """

    entities: List[ScoredSpan]
    relations: Optional[List[ScoredRelation]] = None
    soft: Optional[SoftAnnotation] = None
    symmetric_labels: Optional[Tuple[str, ...]] = None

    def in_words(self, relation: ScoredRelation) -> AnnotatedRelation:
        """One of `relations` as an annotation would have it: with places instead of indices."""
        head, tail = self.entities[relation.head], self.entities[relation.tail]
        return AnnotatedRelation((head.start, head.end), (tail.start, tail.end), relation.label)


@dataclass
class Document:
    """
    A document as the rest of the package sees it, whatever file it came from.

    # Parameters

    key : `str`
        The document's name in its file: SciERC's `doc_key`.
    sentences : `List[List[str]]`
        The words, sentence by sentence. May be empty: such a document has no candidates, no
        entities and no loss.
    entities : `List[AnnotatedSpan]`, optional (default = `None`)
        The gold annotation; `None` where nobody has annotated the document (an empty list says
        that somebody has, and found nothing).
    text : `str`, optional (default = `None`)
        The raw text, where the document was made from one.
    offsets : `List[Tuple[int, int]]`, optional (default = `None`)
        Per word its first character in `text` and the one after its last.
    origin : `str`, optional (default = `""`)
        Where the document was read, for messages: file and line.
    relations : `List[AnnotatedRelation]`, optional (default = `None`)
        The gold relations between `entities`; `None` where nobody has annotated any.
    soft : `SoftAnnotation`, optional (default = `None`)
        What a teacher, a model trained before, believes of the candidate spans.
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
        """The words of all sentences, one after the other; what spans count."""
        return [word for sentence in self.sentences for word in sentence]

    @property
    def sentence_ids(self) -> List[int]:
        """For each word the index of its sentence."""
        return [i for i, sentence in enumerate(self.sentences) for _ in sentence]

    def describe(self) -> str:
        """The document's name in a message."""
        return f"{self.origin}: document {self.key!r}" if self.origin else f"document {self.key!r}"
