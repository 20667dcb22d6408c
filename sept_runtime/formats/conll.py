"""
The column format of the CoNLL shared tasks, in which BC5CDR, NCBI-disease and JNLPBA come.

A line holds a word and further columns, of which the last is the word's tag. Columns are separated
by tabs, or, in lines without a tab, by spaces. An empty line ends a sentence. A line that begins
with `-DOCSTART-` begins a document and may hold its name, as does JNLPBA's `###MEDLINE:95369245`.
Lines of four columns, word, part of speech, chunk and tag:

    -DOCSTART- (227)

    Chronic   JJ  O  B-Disease
    asthma    NN  O  I-Disease
    persists  VB  O  O

Other lines that begin with `#` are comments if they do not end in a tag or have another number of
columns.

Tags are IOB2 (each entity opens with `B-`), IOB1 (`B-` only right after an entity of the same
label) or a mixture, and one rule reads them all: `B-X` always opens an entity, `I-X` continues one
of label X or opens one. Tags without a label, `B` and `I`, get the reader's `label`.

In files without documents, consecutive sentences are joined to contexts. A context may hold the end
of one abstract and the beginning of the next, since nothing in the file separates them.

In BC5CDR as it comes with SciBERT, wider entities begin with `B-` and those of one word are `I-`.
So an entity of one word right after another entity is read as part of that entity: about one in a
hundred.
"""

import re
from pathlib import Path
from typing import Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple, Union

from sept_runtime.documents import AnnotatedSpan, Document, DocumentError
from sept_runtime.formats.json_lines import read_lines

# The length of an abstract, for which the hyper-parameters were chosen. One window of the encoder
# holds it: in NCBI-disease, 320 pieces at most.
MAX_CONTEXT_WORDS = 200

SUFFIXES = (".txt", ".conll", ".iob", ".iob2", ".bio", ".tsv")
"""The suffixes of CoNLL files in a folder."""

_DOCUMENT_START = "-DOCSTART-"
_MEDLINE_START = "###"
# The content of the columns of a line that begins a document.
_FILLERS = frozenset(["-X-", "O", "X", "_"])

# ASCII's white space: a word may well hold a no-break space.
_SPACES = " \t\r\n\f\v"
_CELL = re.compile(f"[^{_SPACES}]+")
_TAG = re.compile(r"O|([BI])(?:-(.*))?")
# The schemes that mark the last word of an entity, or its only one: BIOES and its relatives.
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


# The content of a line, `None` if it is empty.
_Row = Union[_DocumentStart, _TaggedWord, None]
_Sentence = List[_TaggedWord]


def read_conll(
    path: str,
    max_context_words: int = MAX_CONTEXT_WORDS,
    name: Optional[str] = None,
    label: Optional[str] = None,
) -> Iterator[Document]:
    """
    Read the documents of a file in CoNLL's column format, in order.

    Documents that begin with a line of their own are kept whole. Sentences before the first such
    line, which are all sentences of a file without one, are joined to contexts, each of which
    becomes a `Document`: as many consecutive sentences as have at most `max_context_words` words. A
    longer sentence is a context of its own. A document's key is its name in the line that begins
    it; contexts and documents without a name are named after the file and numbered: `train-1`.
    Documents without words are left out.

    # Parameters

    path : `str`
    max_context_words : `int`, optional (default = `200`)
    name : `str`, optional (default = `path`)
        The file's name in messages: for a downloaded file its address.
    label : `str`, optional (default = `None`)
        The label of entities whose tags have none.

    # Raises

    `DocumentError` at the first invalid line, and if the file is missing or holds no sentence.
    """
    name = name or path
    keys = _Keys(name)
    found = False
    for start, sentences in _sections(_rows(path, name, label)):
        contexts = [sentences] if start else _contexts(sentences, max_context_words)
        for context in contexts:
            if context:
                found = True
                yield _document(keys.give(start.name if start else ""), context, start)
    if not found:
        raise DocumentError(f"{name}: the file holds no sentence")


def _rows(path: str, name: str, label: Optional[str]) -> Iterator[_Row]:
    columns = 0
    where_first = ""
    for origin, line in read_lines(path, name):
        try:
            cells = _cells(line.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise DocumentError(f"{origin}: not UTF-8 text ({error})") from None
        if not cells:
            yield None
            continue
        if cells[0].startswith(_DOCUMENT_START):
            yield _DocumentStart(origin, _document_name(cells))
            continue
        if cells[0].startswith(_MEDLINE_START) and len(cells) == 1:
            yield _DocumentStart(origin, cells[0].strip("# "))
            continue
        # In some files tabs align the columns, in others a column may be empty.
        counts = (len(cells), sum(map(bool, cells)))
        fits = not columns or columns in counts
        if cells[0].startswith("#") and not (fits and _TAG.fullmatch(cells[-1])):
            continue
        if not columns:
            columns, where_first = counts[0], origin
        if not fits:
            raise DocumentError(
                f"{origin}: expected {columns} columns as in {where_first}, found {counts[0]}"
            )
        yield _tagged_word(cells, origin, label)


def _cells(line: str) -> List[str]:
    line = line.rstrip(_SPACES)
    cells = [cell.strip(_SPACES) for cell in line.split("\t")]
    # A word may hold spaces then, unless spaces and tabs are mixed to align the columns.
    if len(cells) > 1 and _TAG.fullmatch(cells[-1]):
        return cells
    return _CELL.findall(line)


def _document_name(cells: List[str]) -> str:
    first, *others = cells
    names = [first.removeprefix(_DOCUMENT_START), *others]
    return " ".join(name for name in names if name not in _FILLERS).strip(" ()")


def _tagged_word(cells: List[str], origin: str, label: Optional[str]) -> _TaggedWord:
    if len(cells) < 2:
        raise DocumentError(
            f"{origin}: expected a word and, as the last column, its tag; found one column"
        )
    word, tag = cells[0], cells[-1]
    match = _TAG.fullmatch(tag)
    if match:
        if not match[1]:
            return _TaggedWord(origin, word, False, None)
        if not (match[2] or label):
            raise DocumentError(
                f"{origin}: the tag {tag!r} has no label; give the reader the label of the file's "
                "entities, 'label'"
            )
        return _TaggedWord(origin, word, match[1] == "B", match[2] or label)
    if _OTHER_TAG.fullmatch(tag):
        raise DocumentError(
            f"{origin}: the tag {tag!r} belongs to a scheme that marks the ends of entities (BIOES "
            "or the like), which is not supported; convert the file to IOB2"
        )
    raise DocumentError(f"{origin}: the tag {tag!r} is neither O nor B- or I- with a label")


def _sections(rows: Iterable[_Row]) -> Iterator[Tuple[Optional[_DocumentStart], List[_Sentence]]]:
    """Yield the sentences before the first document, then those of each document."""
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
    """Unique keys for the documents of a file."""

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
