"""
The column format of the CoNLL shared tasks, in which BC5CDR, NCBI-disease and JNLPBA are spread.

A line holds a word and, after white space, further columns of which the last is the word's tag; an
empty line ends a sentence; a line that begins with `-DOCSTART-` begins a document, and may hold the
document's name. Lines of four columns, word, part of speech, chunk and tag:

    -DOCSTART- (227)

    Chronic   JJ  O  B-Disease
    asthma    NN  O  I-Disease
    persists  VB  O  O

Tags are IOB2 (each entity opens with `B-`), IOB1 (`B-` only right after an entity of the same
label) or a mixture, and one rule reads them all: `B-X` always opens an entity, `I-X` goes on with
one of label X and opens one where there is none.

Where there are no documents, sentences are put together to contexts; one of them may well hold the
end of one abstract and the beginning of the next, which nothing in the file tells apart.

In BC5CDR as it is spread with SciBERT, wider entities begin with `B-` and those of one word are
`I-`. So one of one word right after another entity cannot be told from more of that entity, and is
read as that: about one entity in a hundred.
"""

import re
from pathlib import Path
from typing import Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple, Union

from sept_runtime.documents import AnnotatedSpan, Document, DocumentError
from sept_runtime.formats.json_lines import read_lines

# About an abstract, for which the hyper-parameters were chosen: the number of sampled negatives
# keeps its meaning. One window of the encoder holds it: in NCBI-disease, 320 pieces at most.
MAX_CONTEXT_WORDS = 200

_DOCUMENT_START = "-DOCSTART-"
# What fills the columns of a line that begins a document.
_FILLERS = frozenset(["-X-", "O", "X", "_"])

# Between ASCII's white space: a word may well have a no-break space in it.
_CELL = re.compile(r"[^ \t\r\n\f\v]+")
_TAG = re.compile(r"O|([BI])-(.+)")
# Of BIOES and its relatives, which mark the last word of an entity, or its only one.
_OTHER_TAG = re.compile(r"[ELMSUW]-.+")


class _DocumentStart(NamedTuple):
    origin: str
    # Empty where the line does not say.
    name: str


class _TaggedWord(NamedTuple):
    origin: str
    word: str
    opens: bool
    # None outside entities.
    label: Optional[str]


# What a line holds, `None` if it is empty.
_Row = Union[_DocumentStart, _TaggedWord, None]
_Sentence = List[_TaggedWord]


def read_conll(
    path: str, max_context_words: int = MAX_CONTEXT_WORDS, name: Optional[str] = None
) -> Iterator[Document]:
    """
    The documents of a file in CoNLL's column format, in order.

    Documents that begin with a `-DOCSTART-` line are kept whole. Sentences before the first such
    line, which is all of them in a file without, are put together to contexts, each of which
    becomes a `Document`: as many consecutive sentences as have no more than `max_context_words`
    words. No sentence is cut, a longer one is a context of its own. A document's key is its name in
    the `-DOCSTART-` line; contexts, and documents without a name, are called after the file and
    numbered: `train-1`. A document without words is left out.

    # Parameters

    path : `str`
        The file, on this machine.
    max_context_words : `int`, optional (default = `200`)
    name : `str`, optional (default = `path`)
        What messages call the file: for a downloaded one its address.

    # Raises

    `DocumentError` at the first line that is wrong, and where the file is missing or holds no
    sentence.
    """
    name = name or path
    keys = _Keys(name)
    found = False
    for start, sentences in _sections(_rows(path, name)):
        contexts = [sentences] if start else _contexts(sentences, max_context_words)
        for context in contexts:
            if context:
                found = True
                yield _document(keys.give(start.name if start else ""), context, start)
    if not found:
        raise DocumentError(f"{name}: the file holds no sentence")


def _rows(path: str, name: str) -> Iterator[_Row]:
    columns = 0
    where_first = ""
    for origin, line in read_lines(path, name):
        try:
            cells = _CELL.findall(line.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise DocumentError(f"{origin}: not UTF-8 text ({error})") from None
        if not cells:
            yield None
        elif cells[0].startswith(_DOCUMENT_START):
            yield _DocumentStart(origin, _document_name(cells))
        else:
            if not columns:
                columns, where_first = len(cells), origin
            if len(cells) != columns:
                raise DocumentError(
                    f"{origin}: expected {columns} columns as in {where_first}, found {len(cells)}"
                )
            yield _tagged_word(cells, origin)


def _document_name(cells: List[str]) -> str:
    first, *others = cells
    names = [first.removeprefix(_DOCUMENT_START), *others]
    return " ".join(name for name in names if name not in _FILLERS).strip(" ()")


def _tagged_word(cells: List[str], origin: str) -> _TaggedWord:
    if len(cells) < 2:
        raise DocumentError(
            f"{origin}: expected a word and, as the last column, its tag; found one column"
        )
    word, tag = cells[0], cells[-1]
    if not word.strip():
        raise DocumentError(f"{origin}: the word is empty")
    match = _TAG.fullmatch(tag)
    if match:
        return _TaggedWord(origin, word, match[1] == "B", match[2])
    if _OTHER_TAG.fullmatch(tag):
        raise DocumentError(
            f"{origin}: the tag {tag!r} belongs to a scheme that marks the ends of entities (BIOES "
            "or the like), which is not read; write the file in IOB2"
        )
    raise DocumentError(f"{origin}: the tag {tag!r} is neither O nor B- or I- with a label")


def _sections(rows: Iterable[_Row]) -> Iterator[Tuple[Optional[_DocumentStart], List[_Sentence]]]:
    """The sentences before the first start of a document, then those of each document."""
    start: Optional[_DocumentStart] = None
    sentences: List[_Sentence] = [[]]
    for row in rows:
        if row is None:
            sentences.append([])
        elif isinstance(row, _TaggedWord):
            sentences[-1].append(row)
        else:
            yield start, [sentence for sentence in sentences if sentence]
            start, sentences = row, [[]]
    yield start, [sentence for sentence in sentences if sentence]


def _contexts(sentences: Iterable[_Sentence], max_words: int) -> Iterator[List[_Sentence]]:
    context: List[_Sentence] = []
    num_words = 0
    for sentence in sentences:
        if context and num_words + len(sentence) > max_words:
            yield context
            context, num_words = [], 0
        context.append(sentence)
        num_words += len(sentence)
    yield context


def _document(key: str, sentences: List[_Sentence], start: Optional[_DocumentStart]) -> Document:
    entities: List[AnnotatedSpan] = []
    position = 0
    for sentence in sentences:
        inside = None
        for row in sentence:
            if row.label is not None:
                if row.opens or row.label != inside:
                    entities.append(AnnotatedSpan(position, position, row.label))
                else:
                    entities[-1] = entities[-1]._replace(end=position)
            inside = row.label
            position += 1
    return Document(
        key=key,
        sentences=[[row.word for row in sentence] for sentence in sentences],
        entities=entities,
        origin=start.origin if start else sentences[0][0].origin,
    )


class _Keys:
    """Keys for the documents of a file, none twice."""

    def __init__(self, file_name: str) -> None:
        self._stem = Path(file_name.rpartition("!")[2]).stem
        self._unnamed = 0
        self._given: Set[str] = set()

    def give(self, name: str) -> str:
        if not name:
            self._unnamed += 1
            name = f"{self._stem}-{self._unnamed}"
        key, count = name, 1
        while key in self._given:
            count += 1
            key = f"{name}-{count}"
        self._given.add(key)
        return key
