"""A folder of brat's read as documents."""

import logging
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, List, Optional, Tuple

from sept_runtime.documents import Document, DocumentError
from sept_runtime.formats.brat.alignment import (
    MISALIGNED_POLICIES,
    Arc,
    TextBound,
    align,
    connect,
    join_crossed_sentences,
)
from sept_runtime.formats.brat.records import RECORD_NAME, DocumentRecord, digest, read_records
from sept_runtime.formats.word_offsets import checked_offsets

logger = logging.getLogger(__name__)

Tokenizer = Callable[[str], Tuple[List[List[str]], List[Tuple[int, int]]]]

_TEXT_BOUND = re.compile(
    r"(?P<id>T\S+)\t(?P<type>\S+) (?P<fragments>[0-9]+ [0-9]+(?:;[0-9]+ [0-9]+)*)"
    r"(?:\t(?P<surface>.*))?"
)
_EVENT = re.compile(r"E\S*\t\S+?:(?P<trigger>T\S+)")
_ARC = re.compile(r"R\S*\t(?P<type>\S+) \S+?:(?P<head>[TE]\S+) \S+?:(?P<tail>[TE]\S+)\s*")
_OTHER_KINDS = {
    "E": "events",
    "*": "equivalences",
    "A": "attributes",
    "M": "attributes",
    "N": "normalizations",
}
_NOTE = "#"


@dataclass
class BratReport:
    """
    What reading a folder left out.

    # Parameters

    ignored : `Counter[str]`
        How many lines of each kind have no place in a document: events, attributes and so on.
    skipped : `List[str]`
        A message for each entity and relation left out under the policy "skip".
    missing : `List[str]`
        The keys of recorded documents whose text is gone from the folder.
    """

    ignored: Counter[str] = field(default_factory=Counter)
    skipped: List[str] = field(default_factory=list)
    missing: List[str] = field(default_factory=list)


def read_brat(
    folder: Path, tokenize: Tokenizer, misaligned: str = "error"
) -> Tuple[List[Document], BratReport]:
    """
    The documents of a folder that `write_brat` or anybody else wrote and people have edited, each
    with text and word offsets: the recorded ones in their order, then the others by file name,
    which is their key. Where the record knows of no relations and somebody has drawn one, all that
    is annotated has relations, if only an empty list.

    # Parameters

    folder : `Path`
    tokenize : `Callable[[str], Tuple[List[List[str]], List[Tuple[int, int]]]]`
        Finds sentences and word offsets where they are not recorded.
    misaligned : `str`, optional (default = `"error"`)
        What to do with an entity that begins or ends inside a word, leaves out words in its
        middle, crosses the end of a recorded sentence, points outside the text or at other
        characters than it claims, or has the place of one with another type: "error", "skip", or
        "widen" it to the whole words that it touches where that is all that is wrong. And with a
        relation between sentences, between two annotations of the same words, or to an entity that
        was skipped.

    # Raises

    `DocumentError` for files that are not brat's, and for misaligned entities if that is the
    policy.
    """
    if misaligned not in MISALIGNED_POLICIES:
        raise ValueError(
            f"misaligned must be one of {', '.join(MISALIGNED_POLICIES)}, not {misaligned!r}"
        )
    names = _document_names(folder)
    records, labels, relation_labels = read_records(folder)
    report = BratReport()
    report.missing = [record.doc_key for name, record in records.items() if name not in names]
    order = [name for name in records if name in names]
    order += [name for name in names if name not in records]
    documents = []
    for name in order:
        record = records.get(name)
        read = _read_annotations(folder / f"{name}.ann", report.ignored)
        annotations, arcs = ({}, []) if read is None else read
        document = _read_document(
            folder / f"{name}.txt", record, list(annotations.values()), tokenize
        )
        # An empty file says that there is nothing, unless `write_brat` left it for others to fill.
        if read is not None and (annotations or record is None or record.annotated):
            aligned = align(document, annotations, labels, misaligned, report.skipped)
            document.entities = list(dict.fromkeys(aligned.values()))
            if arcs or record is not None and record.related:
                document.relations = connect(
                    document, arcs, aligned, relation_labels, misaligned, report.skipped
                )
        documents.append(document)
    if not any(record.related for record in records.values()):
        _fill_in_relations(documents)
    return documents, report


def _fill_in_relations(documents: List[Document]) -> None:
    """Where relations were drawn in some documents, there are none in the others."""
    if any(document.relations is not None for document in documents):
        for document in documents:
            if document.entities is not None and document.relations is None:
                document.relations = []


def _document_names(folder: Path) -> List[str]:
    if not folder.is_dir():
        raise DocumentError(f"{folder}: there is no such folder")
    names = _names(folder, ".txt")
    orphans = sorted(set(_names(folder, ".ann")) - set(names))
    if orphans:
        raise DocumentError(f"{folder / orphans[0]}.ann: its text, {orphans[0]}.txt, is missing")
    if not names:
        raise DocumentError(f"{folder}: the folder holds no .txt file")
    return names


def _names(folder: Path, suffix: str) -> List[str]:
    """The files with a suffix, without it, in order; hidden ones are none of brat's."""
    found = (path.name for path in folder.iterdir() if path.is_file())
    return sorted(
        name.removesuffix(suffix)
        for name in found
        if name.endswith(suffix) and not name.startswith(".")
    )


# Texts ------------------------------------------------------------------------------------------


def _read_document(
    path: Path,
    record: Optional[DocumentRecord],
    annotations: List[TextBound],
    tokenize: Tokenizer,
) -> Document:
    texts = _readings(_decode(path))
    key = path.name.removesuffix(".txt") if record is None else record.doc_key
    if record is not None:
        for text in texts:
            if digest(text) == record.text_sha256:
                return _recorded_document(path, record, text)
        logger.warning(
            "%s: the text has been changed; its words and sentences are found anew", path
        )
    # As editors leave a text, the offsets may be right without a byte-order mark only, or with
    # other line ends.
    text = max(texts, key=lambda text: sum(a.matches(text) for a in annotations))
    sentences, offsets = tokenize(text)
    document = Document(key, sentences, text=text, offsets=offsets, origin=str(path))
    join_crossed_sentences(document, annotations)
    return document


def _recorded_document(path: Path, record: DocumentRecord, text: str) -> Document:
    document = Document(record.doc_key, record.sentences, text=text, origin=str(path))
    where = f"{path.parent / RECORD_NAME}: document {record.doc_key!r}"
    document.offsets = checked_offsets(record.word_offsets, document.words, text, where)
    return document


def _readings(text: str) -> List[str]:
    """The text as it stands, then as it was before an editor may have touched it."""
    without_mark = text[1:] if text.startswith("\ufeff") else text
    candidates = (
        text,
        without_mark,
        text.replace("\r\n", "\n"),
        without_mark.replace("\r\n", "\n"),
    )
    return list(dict.fromkeys(candidates))


def _decode(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError(f"{path}: not UTF-8 text ({error})") from None


# Annotations ------------------------------------------------------------------------------------


def _read_annotations(
    path: Path, ignored: Counter[str]
) -> Optional[Tuple[Dict[str, TextBound], List[Arc]]]:
    """
    The entities of an `.ann` file by their numbers, and the relations between them; `None` if it is
    not there. `ignored` counts what is neither.
    """
    if not path.is_file():
        return None
    annotations: Dict[str, TextBound] = {}
    arcs = []
    triggers = set()
    lines = _decode(path).removeprefix("\ufeff").split("\n")
    for number, line in enumerate(lines, start=1):
        line = line.removesuffix("\r")
        where = f"{path}, line {number}"
        if not line.strip() or line.startswith(_NOTE):
            continue
        if line[0] == "R":
            arcs.append(_arc(line, where))
            continue
        if line[0] in _OTHER_KINDS:
            ignored[_OTHER_KINDS[line[0]]] += 1
            event = _EVENT.match(line)
            if event:
                triggers.add(event["trigger"])
            continue
        id, annotation = _text_bound(line, where)
        if id in annotations:
            raise DocumentError(f"{where}: there is another {id} before it")
        annotations[id] = annotation
    # A trigger says where an event is named; it is no entity.
    ignored.update("event triggers" for id in annotations if id in triggers)
    entities = {id: each for id, each in annotations.items() if id not in triggers}
    relations = []
    for arc in arcs:
        if any(end in triggers or end.startswith("E") for end in (arc.head, arc.tail)):
            ignored["relations of events"] += 1
            continue
        for end in (arc.head, arc.tail):
            if end not in entities:
                raise DocumentError(f"{arc.where}: there is no annotation {end}")
        relations.append(arc)
    return entities, relations


def _arc(line: str, where: str) -> Arc:
    match = _ARC.fullmatch(line)
    if match is None:
        raise DocumentError(
            f"{where}: expected a relation such as 'R1<tab>USED-FOR Arg1:T1 Arg2:T2', "
            f"found {line[:80]!r}"
        )
    return Arc(where, match["type"], match["head"], match["tail"])


def _text_bound(line: str, where: str) -> Tuple[str, TextBound]:
    match = _TEXT_BOUND.fullmatch(line)
    if match is None:
        raise DocumentError(
            f"{where}: expected an annotation such as 'T1<tab>Task 10 25<tab>the text', "
            f"found {line[:80]!r}"
        )
    fragments = [
        (int(start), int(end))
        for start, end in (pair.split() for pair in match["fragments"].split(";"))
    ]
    return match["id"], TextBound(where, match["type"], fragments, match["surface"])
