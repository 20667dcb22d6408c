"""The types that all packages share: documents, entities and relations."""

from dataclasses import dataclass, field
from typing import AbstractSet, Dict, List, NamedTuple, Optional, Tuple, Union


class DocumentError(ValueError):
    """Error for an invalid document; the message says what is wrong and where."""


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
    probability; in a file of predictions it may be missing. `labels` are the most probable labels
    of the span with their probabilities, if `Decoding.top_labels` asks for them.
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

    `head` and `tail` are the first and last word of the entities, as in `AnnotatedSpan`.
    """

    head: Tuple[int, int]
    tail: Tuple[int, int]
    label: str

    def directed(self, symmetric_labels: AbstractSet[str]) -> "AnnotatedRelation":
        """
        Return the relation with the earlier entity first if its label has no direction.

        Relations with the same meaning are then equal.
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
    A candidate span with the label probabilities that a model predicts for it.

    `start` and `end` are inclusive word indices over the document. Labels that are not listed have
    the probability 0; the rest up to 1 is the probability of "no entity".
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
    The prediction for a document.

    # Parameters

    entities : `List[ScoredSpan]`
        Ordered by start and end.
    relations : `List[ScoredRelation]`, optional (default = `None`)
        `None` if the model finds no relations.
    soft : `SoftAnnotation`, optional (default = `None`)
        Given if `Decoding.soft_labels` asks for it.
    symmetric_labels : `Tuple[str, ...]`, optional (default = `None`)
        The labels of relations without a direction; `None` if the model or file does not list them.
    """

    entities: List[ScoredSpan]
    relations: Optional[List[ScoredRelation]] = None
    soft: Optional[SoftAnnotation] = None
    symmetric_labels: Optional[Tuple[str, ...]] = None

    def in_words(self, relation: ScoredRelation) -> AnnotatedRelation:
        """Return one of `relations` as an annotation has it, with words instead of indices."""
        head, tail = self.entities[relation.head], self.entities[relation.tail]
        return AnnotatedRelation((head.start, head.end), (tail.start, tail.end), relation.label)


@dataclass
class Document:
    """
    A document, independent of the format it was read from.

    # Parameters

    key : `str`
        The document's name in its file, such as SciERC's `doc_key`.
    sentences : `List[List[str]]`
        The words, sentence by sentence. An empty document has no candidates, no entities and no
        loss.
    entities : `List[AnnotatedSpan]`, optional (default = `None`)
        The gold annotation; `None` if the document is not annotated. An empty list means that it
        is annotated and has no entities.
    text : `str`, optional (default = `None`)
        The raw text, if the document was made from one.
    offsets : `List[Tuple[int, int]]`, optional (default = `None`)
        The start and end character in `text` of each word; the end is exclusive.
    origin : `str`, optional (default = `""`)
        The file and line that the document was read from, for messages.
    relations : `List[AnnotatedRelation]`, optional (default = `None`)
        The gold relations between `entities`; `None` if relations are not annotated.
    soft : `SoftAnnotation`, optional (default = `None`)
        The label probabilities that a teacher, another model, predicts.
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
        """Return the words of all sentences in order, which spans index."""
        return [word for sentence in self.sentences for word in sentence]

    @property
    def sentence_ids(self) -> List[int]:
        """Return the index of the sentence of each word."""
        return [i for i, sentence in enumerate(self.sentences) for _ in sentence]

    def describe(self) -> str:
        """Return the document's name for messages."""
        return f"{self.origin}: document {self.key!r}" if self.origin else f"document {self.key!r}"
