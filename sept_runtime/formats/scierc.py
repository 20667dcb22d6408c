"""One typed `Document` behind every input format, and the checks that it has to pass."""

import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

# The Penn Treebank's spelling of brackets, in which SciERC's words are stored.
PTB_BRACKETS = {
    "-LRB-": "(",
    "-RRB-": ")",
    "-LSB-": "[",
    "-RSB-": "]",
    "-LCB-": "{",
    "-RCB-": "}",
}

_SURROGATE = re.compile("[\ud800-\udfff]")


class DocumentError(ValueError):
    """A document that cannot be used; the message says what is wrong and where."""


class LabeledSpan(NamedTuple):
    """An entity: words `start` to `end` (both inclusive, counted over the whole document)."""

    start: int
    end: int
    label: str


class ScoredSpan(NamedTuple):
    """
    A predicted entity.

    `start` and `end` are inclusive word indices over the document, `score` is the label's
    probability, `labels` the most probable labels of the span with their probabilities, where
    `Decoding.top_labels` asks for them.
    """

    start: int
    end: int
    label: str
    score: float
    labels: Tuple[Tuple[str, float], ...] = ()


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
    entities : `List[LabeledSpan]`, optional (default = `None`)
        The gold annotation; `None` where nobody has annotated the document (an empty list says
        that somebody has, and found nothing).
    text : `str`, optional (default = `None`)
        The raw text, where the document was made from one.
    offsets : `List[Tuple[int, int]]`, optional (default = `None`)
        Per word its first character in `text` and the one after its last.
    origin : `str`, optional (default = `""`)
        Where the document was read, for messages: file and line.
    """

    key: str
    sentences: List[List[str]]
    entities: Optional[List[LabeledSpan]] = None
    text: Optional[str] = None
    offsets: Optional[List[Tuple[int, int]]] = None
    origin: str = field(default="", compare=False)

    @property
    def words(self) -> List[str]:
        return [word for sentence in self.sentences for word in sentence]

    @property
    def sentence_ids(self) -> List[int]:
        """For each word the index of its sentence."""
        return [i for i, sentence in enumerate(self.sentences) for _ in sentence]

    def by_sentence(self, spans: Iterable[LabeledSpan]) -> List[List[List[Any]]]:
        """The spans in the form of SciERC's `ner`: for each sentence its [start, end, label]."""
        sentence_ids = self.sentence_ids
        grouped: List[List[List[Any]]] = [[] for _ in self.sentences]
        for start, end, label in spans:
            grouped[sentence_ids[start]].append([start, end, label])
        return grouped

    def describe(self) -> str:
        """The document's name in a message."""
        return f"{self.origin}: document {self.key!r}" if self.origin else f"document {self.key!r}"


def natural_words(words: Sequence[str]) -> List[str]:
    """
    The words as an author types them: `-LRB-` becomes `(` and so on. A pre-trained encoder has
    seen brackets in its pre-training and never the Treebank's spelling of them. Halves of
    characters, which JSON can express and tokenisers cannot take, become the replacement character.
    """
    return [without_surrogates(PTB_BRACKETS.get(word, word)) for word in words]


def without_surrogates(text: str) -> str:
    """The text, of the same length, with the replacement character for each half of a character."""
    return _SURROGATE.sub("\ufffd", text)


def offsets_of_joined(words: Sequence[str]) -> List[Tuple[int, int]]:
    """Where the words are in a text that they make up, joined by single spaces."""
    offsets = []
    start = 0
    for word in words:
        offsets.append((start, start + len(word)))
        start += len(word) + 1
    return offsets


def document_from_scierc(fields: Any, origin: str = "") -> Document:
    """
    Checks one object of a SciERC file and makes a `Document` of it. `doc_key` and `sentences` are
    used, and `ner` where it is there; whatever else the object holds is left alone.

    # Raises

    `DocumentError`, with a message that names `origin`, the `doc_key` and the fault.
    """
    where = origin or "document"
    if not isinstance(fields, dict):
        raise DocumentError(
            f"{where}: expected a JSON object with 'doc_key' and 'sentences', "
            f"found {json_type(fields)}"
        )
    key = fields.get("doc_key")
    if not isinstance(key, str):
        raise DocumentError(f"{where}: 'doc_key' must be a string, found {json_type(key)}")
    where = f"{where}: document {key!r}"

    sentences = fields.get("sentences")
    if not isinstance(sentences, list):
        raise DocumentError(
            f"{where}: 'sentences' must be a list of lists of words, found {json_type(sentences)}"
        )
    for index, sentence in enumerate(sentences):
        if not isinstance(sentence, list):
            raise DocumentError(
                f"{where}, sentence {index}: expected a list of words, found {json_type(sentence)}"
            )
        for position, word in enumerate(sentence):
            if not isinstance(word, str):
                raise DocumentError(
                    f"{where}, sentence {index}, word {position}: expected a string, "
                    f"found {json_type(word)}"
                )
            if not word.strip():
                raise DocumentError(
                    f"{where}, sentence {index}, word {position}: the word is empty"
                )

    entities = None
    if fields.get("ner") is not None:
        entities = _entities_from_scierc(fields["ner"], sentences, where)
    return Document(key=key, sentences=sentences, entities=entities, origin=origin)


def _entities_from_scierc(ner: Any, sentences: List[List[str]], where: str) -> List[LabeledSpan]:
    if not isinstance(ner, list):
        raise DocumentError(f"{where}: 'ner' must be a list, found {json_type(ner)}")
    if len(ner) != len(sentences):
        raise DocumentError(
            f"{where}: 'ner' has {len(ner)} lists for {len(sentences)} sentences; "
            "there must be one for each sentence"
        )

    def at(index: int, span: Any) -> str:
        return f"{where}, sentence {index}: entity {json.dumps(span)}"

    entities: List[LabeledSpan] = []
    label_of: Dict[Tuple[int, int], str] = {}
    sentence_start = 0
    for index, (sentence, spans) in enumerate(zip(sentences, ner)):
        sentence_end = sentence_start + len(sentence) - 1
        if not isinstance(spans, list):
            raise DocumentError(
                f"{where}, sentence {index}: 'ner' must hold a list of [start, end, label], "
                f"found {json_type(spans)}"
            )
        for span in spans:
            if not (
                isinstance(span, list)
                and len(span) == 3
                and all(isinstance(n, int) and not isinstance(n, bool) for n in span[:2])
                and isinstance(span[2], str)
                and span[2]
            ):
                raise DocumentError(f"{at(index, span)} is not [start, end, label]")
            start, end, label = span
            if start > end:
                raise DocumentError(f"{at(index, span)} is reversed: its start comes after its end")
            if start < sentence_start or end > sentence_end:
                raise DocumentError(
                    f"{at(index, span)} reaches outside its sentence, which holds words "
                    f"{sentence_start} to {sentence_end} (word indices count over the whole "
                    "document and include the end)"
                )
            known = label_of.setdefault((start, end), label)
            if known != label:
                raise DocumentError(
                    f"{at(index, span)} was already labelled {known!r}; a span has one label"
                )
            entities.append(LabeledSpan(start, end, label))
        sentence_start += len(sentence)
    # Twice the same entity is one entity: a set is what is scored.
    return list(dict.fromkeys(entities))


def read_scierc(path: str, name: Optional[str] = None) -> Iterator[Document]:
    """
    The documents of a SciERC file, one JSON object a line, in order.

    # Parameters

    path : `str`
        The file, on this machine.
    name : `str`, optional (default = `path`)
        What messages call the file: for a downloaded one its address.

    # Raises

    `DocumentError` at the first line that is wrong, and where the file is missing or holds no
    document.
    """
    found = False
    for origin, fields in read_json_lines(path, name):
        found = True
        yield document_from_scierc(fields, origin)
    if not found:
        raise DocumentError(f"{name or path}: the file holds no document")


def read_json_lines(path: str, name: Optional[str] = None) -> Iterator[Tuple[str, Any]]:
    """
    The values of a file that holds one in JSON a line, each after the "file, line" that messages
    call it by; empty lines are passed over.

    # Raises

    `DocumentError` where the file is missing, and at the first line that is not JSON in UTF-8.
    """
    for origin, line in read_lines(path, name):
        if not line.strip():
            continue
        try:
            value = parse_json(line)
        except DocumentError as error:
            raise DocumentError(f"{origin}: {error}") from None
        yield origin, value


def read_lines(path: str, name: Optional[str] = None) -> Iterator[Tuple[str, bytes]]:
    """
    The lines of a file, each after the "file, line" that messages call it by.

    # Raises

    `DocumentError` where the file is missing.
    """
    name = name or path
    if not Path(path).is_file():
        raise DocumentError(f"{name}: there is no such file")
    with open(path, "rb") as lines:
        for number, line in enumerate(lines, start=1):
            yield f"{name}, line {number}", line


def parse_json(line: bytes) -> Any:
    """
    The value that a line holds.

    # Raises

    `DocumentError` if it is not JSON in UTF-8.
    """
    try:
        return json.loads(
            line.decode("utf-8-sig"), parse_constant=_not_json, parse_float=_finite_number
        )
    except UnicodeDecodeError as error:
        raise DocumentError(f"not UTF-8 text ({error})") from None
    # `ValueError` where JSON is malformed and where a number has thousands of digits.
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"not valid JSON ({error})") from None


def _not_json(name: str) -> None:
    raise ValueError(f"{name} is Python's and not JSON's")


def _finite_number(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits[:20]} is too large")
    return number


def json_type(value: Any) -> str:
    """What JSON calls a value's type, for messages."""
    if value is None:
        return "nothing (null)"
    for kind, name in (
        (bool, "true or false"),
        (dict, "an object"),
        (list, "a list"),
        (str, "a string"),
        ((int, float), "a number"),
    ):
        if isinstance(value, kind):  # type: ignore[arg-type]
            return name
    return type(value).__name__
