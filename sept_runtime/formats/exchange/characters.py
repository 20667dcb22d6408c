from dataclasses import dataclass, field
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

from sept_runtime.documents import Document, DocumentError
from sept_runtime.formats.brat.alignment import (
    Arc,
    Losses,
    TextBound,
    align,
    connect,
    join_crossed_sentences,
)
from sept_runtime.formats.json_lines import is_index
from sept_runtime.formats.predictions import PredictedDocument
from sept_runtime.tokenization.words import with_joined_text, without_surrogates

Tokenizer = Callable[[str], Tuple[List[List[str]], List[Tuple[int, int]]]]


class CharacterSpan(NamedTuple):
    """
    A labeled span of a text.

    # Parameters

    start, end : `int`
        Characters (code points); `end` is the one after the last.
    label : `str`
    score : `float`, optional (default = `None`)
        The label's probability, if the span was predicted.
    """

    start: int
    end: int
    label: str
    score: Optional[float] = None


@dataclass
class CharacterDocument:
    """
    A text with spans of characters and relations between them, as annotation tools know it.

    # Parameters

    key : `str`
        The document's name.
    text : `str`
    spans : `Dict[str, CharacterSpan]`
        By an identifier that is unique in the document.
    relations : `List[Tuple[str, str, str]]`, optional (default = `[]`)
        Identifiers of head and tail, and the label.
    words : `List[Tuple[int, int]]`, optional (default = `[]`)
        Per word its first character and the one after its last, if the words are known.
    origin : `str`, optional (default = `""`)
        File and line, for messages.

    # Raises

    `DocumentError` if something has the wrong type.
    """

    key: str
    text: str
    spans: Dict[str, CharacterSpan]
    relations: List[Tuple[str, str, str]] = field(default_factory=list)
    words: List[Tuple[int, int]] = field(default_factory=list)
    origin: str = ""

    def __post_init__(self) -> None:
        where = self.origin or f"document {self.key!r}"
        if not isinstance(self.text, str):
            raise DocumentError(f"{where}: the text must be a string, found {self.text!r:.80}")
        for span in self.spans.values():
            if not (is_index(span.start) and is_index(span.end) and isinstance(span.label, str)):
                raise DocumentError(
                    f"{where}: a span must have a start, an end and a label, found "
                    f"{span.start!r:.40}, {span.end!r:.40} and {span.label!r:.40}"
                )
        for relation in self.relations:
            if not isinstance(relation[2], str):
                raise DocumentError(f"{where}: the label {relation[2]!r:.40} must be a string")


def character_document(document: PredictedDocument, gold: bool = False) -> CharacterDocument:
    """
    Return a document's predicted entities and relations as spans of characters.

    # Parameters

    document : `PredictedDocument`
    gold : `bool`, optional (default = `False`)
        Take the gold annotation even if there are predictions. It is taken, too, where there are
        none.

    # Raises

    `DocumentError` for a text without `word_offsets`.
    """
    source = document.document
    if source.text is None:
        source = with_joined_text(source)
    if source.text is None or source.offsets is None:
        raise DocumentError(f"{source.describe()}: 'text' needs 'word_offsets'")
    spans: Dict[str, CharacterSpan] = {}
    relations: List[Tuple[str, str, str]] = []

    def add(first: int, last: int, label: str, score: Optional[float]) -> str:
        assert source.offsets is not None
        name = f"e{len(spans)}"
        spans[name] = CharacterSpan(source.offsets[first][0], source.offsets[last][1], label, score)
        return name

    if document.predicted is not None and not gold:
        names = [add(e.start, e.end, e.label, e.score) for e in document.predicted.entities]
        for relation in document.predicted.relations or []:
            relations.append((names[relation.head], names[relation.tail], relation.label))
    else:
        by_words = {
            (e.start, e.end): add(e.start, e.end, e.label, None) for e in source.entities or []
        }
        for gold_relation in source.relations or []:
            head, tail = by_words[gold_relation.head], by_words[gold_relation.tail]
            relations.append((head, tail, gold_relation.label))
    # Lone surrogates, which most of these formats cannot hold, cost no more than their characters.
    key, text = without_surrogates(source.key), without_surrogates(source.text)
    return CharacterDocument(key, text, spans, relations, list(source.offsets), source.origin)


def align_document(
    document: CharacterDocument, tokenize: Tokenizer, widen: bool, losses: Losses
) -> Document:
    """
    Return the document as words with entities, for training.

    # Parameters

    document : `CharacterDocument`
    tokenize : `Callable[[str], Tuple[List[List[str]], List[Tuple[int, int]]]]`
        Finds sentences and word offsets.
    widen : `bool`
        Widen spans to the whole words that they touch.
    losses : `Losses`
        Receives a message for each span and relation that is left out or changed.
    """
    sentences, offsets = tokenize(document.text)
    result = Document(document.key, sentences, text=document.text, offsets=offsets)
    result.origin = document.origin
    where = result.describe()
    annotations = {
        name: TextBound(where, span.label, [(span.start, span.end)], None)
        for name, span in document.spans.items()
    }
    join_crossed_sentences(result, annotations.values())
    aligned = align(result, annotations, {}, widen, losses)
    result.entities = list(dict.fromkeys(aligned.values()))
    arcs = [Arc(where, "", label, head, tail) for head, tail, label in document.relations]
    result.relations = connect(result, arcs, aligned, {}, losses)
    return result
