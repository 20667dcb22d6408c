"""Read a folder of brat's."""

import logging
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, List, Optional, Tuple

from sept_runtime.documents import Document, DocumentError
from sept_runtime.formats.brat.alignment import (
    MISALIGNED_POLICIES,
    Arc,
    Losses,
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
_ARC = re.compile(
    r"(?P<id>R\S*)\t(?P<type>\S+) (?P<first>\S+?):(?P<head>[TE]\S+)"
    r" (?P<second>\S+?):(?P<tail>[TE]\S+)\s*"
)
# The line of a relation in annotation.conf: its type, and its two roles.
_ROLES = re.compile(r"(?P<type>\S+)\s+(?P<first>[^\s:,]+):[^,]*,\s*(?P<second>[^\s:,]+):.*")
_OTHER_KINDS = {
    "E": "events",
    "*": "equivalences",
    "A": "attributes",
    "M": "attributes",
    "N": "normalizations",
}
_NOTE = "#"

# The last two are those of BioNLP's shared tasks.
_ANNOTATION_SUFFIXES = (".ann", ".a1", ".a2")


@dataclass
class BratReport(Losses):
    """
    Messages about everything in a folder that is not read as it is, each with its file.

    # Parameters

    ignored : `List[str]`
        A message for each file and kind of annotation that has no place in a document: events,
        attributes and so on, with their ids.
    missing : `List[str]`
        The keys of recorded documents whose text is missing in the folder.
    """

    ignored: List[str] = field(default_factory=list)
    missing: List[str] = field(default_factory=list)


def read_brat(
    folder: Path, tokenize: Tokenizer, misaligned: str = "error"
) -> Tuple[List[Document], BratReport]:
    """
    Read the documents of a folder of brat's and of the folders in it, with text and word offsets.

    Recorded documents come first, in their order, then the others by file name, which is their key.
    A document's annotation is in `NAME.ann`, or in `NAME.a1` and `NAME.a2`, as in BioNLP's shared
    tasks. If the record has no relations and somebody has drawn one, all annotated documents have
    relations, if only an empty list.

    # Parameters

    folder : `Path`
    tokenize : `Callable[[str], Tuple[List[List[str]], List[Tuple[int, int]]]]`
        Finds sentences and word offsets that are not recorded.
    misaligned : `str`, optional (default = `"error"`)
        What to do with an entity that begins or ends inside a word, leaves out words in its
        middle, crosses the end of a recorded sentence, is outside the text or at other characters
        than it claims, or has the place of one with another type, and with a relation between
        sentences, between annotations of the same words, or to an entity that is left out: "error",
        "skip" it, or "widen" entities to the whole words that they touch and skip what does not fit
        even so.

    # Raises

    `DocumentError` for files that are not brat's, and if the policy is "error" with a line for each
    misaligned annotation of the folder.
    """
    if misaligned not in MISALIGNED_POLICIES:
        raise ValueError(
            f"misaligned must be one of {', '.join(MISALIGNED_POLICIES)}, got {misaligned!r}"
        )
    names = _document_names(folder)
    records, labels, relation_labels = read_records(folder)
    roles = _read_roles(folder)
    report = BratReport()
    report.missing = [record.doc_key for name, record in records.items() if name not in names]
    order = [name for name in records if name in names]
    order += [name for name in names if name not in records]
    documents = []
    for name in order:
        record = records.get(name)
        read = _read_annotations(folder, name, roles, report.ignored)
        annotations, arcs = ({}, []) if read is None else read
        document = _read_document(folder, name, record, list(annotations.values()), tokenize)
        # An empty file says that there is nothing, unless `write_brat` left it for others to fill.
        if read is not None and (annotations or record is None or record.annotated):
            aligned = align(document, annotations, labels, misaligned == "widen", report)
            document.entities = list(dict.fromkeys(aligned.values()))
            if arcs or record is not None and record.related:
                document.relations = connect(document, arcs, aligned, relation_labels, report)
        documents.append(document)
    report.check(misaligned)
    if not any(record.related for record in records.values()):
        _fill_in_relations(documents)
    return documents, report


def _fill_in_relations(documents: List[Document]) -> None:
    """Give annotated documents without relations an empty list, if others have relations."""
    if any(document.relations is not None for document in documents):
        for document in documents:
            if document.entities is not None and document.relations is None:
                document.relations = []


def _document_names(folder: Path) -> List[str]:
    if not folder.is_dir():
        raise DocumentError(f"{folder}: there is no such folder")
    names = _names(folder, (".txt",))
    orphans = sorted(set(_names(folder, _ANNOTATION_SUFFIXES)) - set(names))
    if orphans:
        raise DocumentError(
            f"{folder}: the texts of these annotations are missing: "
            + ", ".join(f"{name}.txt" for name in orphans)
        )
    if not names:
        raise DocumentError(f"{folder}: the folder holds no .txt file")
    return names


def _names(folder: Path, suffixes: Tuple[str, ...]) -> List[str]:
    """Return the files in the folder and below with a suffix, without it; hidden ones excepted."""
    names = set()
    for path in folder.rglob("*"):
        relative = path.relative_to(folder)
        if path.suffix in suffixes and path.is_file():
            if not any(part.startswith(".") for part in relative.parts):
                names.add(relative.with_suffix("").as_posix())
    return sorted(names)


# Texts ------------------------------------------------------------------------------------------


def _read_document(
    folder: Path,
    name: str,
    record: Optional[DocumentRecord],
    annotations: List[TextBound],
    tokenize: Tokenizer,
) -> Document:
    path = folder / f"{name}.txt"
    texts = _readings(_decode(path))
    key = name if record is None else record.doc_key
    if record is not None:
        for text in texts:
            if digest(text) == record.text_sha256:
                return _recorded_document(path, record, text)
        logger.warning(
            "%s: the text has been changed; it is split into words and sentences again", path
        )
    # Editors add byte-order marks and change line ends, after which offsets no longer fit.
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
    """Return the text as it is, and as it may have been before an editor changed it."""
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
    folder: Path, name: str, roles: Dict[str, Tuple[str, str]], ignored: List[str]
) -> Optional[Tuple[Dict[str, TextBound], List[Arc]]]:
    """
    Read a document's entities, by their ids, and the relations between them.

    Returns `None` if the document has no file of annotations. `ignored` receives messages about
    other annotations.
    """
    paths = [folder / f"{name}{suffix}" for suffix in _ANNOTATION_SUFFIXES]
    paths = [path for path in paths if path.is_file()]
    if not paths:
        return None
    annotations: Dict[str, TextBound] = {}
    arcs: List[Arc] = []
    triggers = set()
    others: Dict[str, List[str]] = {}
    for path in paths:
        lines = _decode(path).removeprefix("\ufeff").split("\n")
        for number, line in enumerate(lines, start=1):
            line = line.removesuffix("\r")
            where = f"{path}, line {number}"
            if not line.strip() or line.startswith(_NOTE):
                continue
            if line[0] == "R":
                arcs.append(_arc(line, where, roles))
                continue
            if line[0] in _OTHER_KINDS:
                others.setdefault(_OTHER_KINDS[line[0]], []).append(line.split("\t")[0])
                event = _EVENT.match(line)
                if event:
                    triggers.add(event["trigger"])
                continue
            id, annotation = _text_bound(line, where)
            if id in annotations:
                raise DocumentError(f"{where}: the id {id} occurs twice")
            annotations[id] = annotation
    # A trigger says where an event is named; it is no entity.
    for id in triggers:
        if annotations.pop(id, None) is not None:
            others.setdefault("event triggers", []).append(id)
    relations = []
    for arc in arcs:
        if any(end in triggers or end.startswith("E") for end in (arc.head, arc.tail)):
            others.setdefault("relations of events", []).append(arc.id)
            continue
        for end in (arc.head, arc.tail):
            if end not in annotations:
                raise DocumentError(f"{arc.where}: {arc.id} refers to {end}, which does not exist")
        relations.append(arc)
    for kind, ids in sorted(others.items()):
        ignored.append(f"{folder / name}: {len(ids)} {kind} ({', '.join(ids)})")
    return annotations, relations


def _read_roles(folder: Path) -> Dict[str, Tuple[str, str]]:
    """Return the first and second role of each type of relation in `annotation.conf`, if any."""
    roles = {}
    path = folder / "annotation.conf"
    if path.is_file():
        relations = False
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("["):
                relations = line.strip().lower() == "[relations]"
            match = _ROLES.fullmatch(line.strip())
            if relations and match is not None:
                roles[match["type"]] = (match["first"].lower(), match["second"].lower())
    return roles


def _arc(line: str, where: str, roles: Dict[str, Tuple[str, str]]) -> Arc:
    match = _ARC.fullmatch(line)
    if match is None:
        raise DocumentError(
            f"{where}: expected a relation such as 'R1<tab>USED-FOR Arg1:T1 Arg2:T2', "
            f"found {line[:80]!r}"
        )
    head, tail = match["head"], match["tail"]
    given = match["first"].lower(), match["second"].lower()
    # Roles that nobody declares are in the order of their names if these are numbered, or in that
    # of the type's first relation.
    numbered = all(role[-1].isdigit() for role in given)
    expected = roles.setdefault(match["type"], min(given, given[::-1]) if numbered else given)
    if given != expected and given == expected[::-1]:
        head, tail = tail, head
    return Arc(where, match["id"], match["type"], head, tail)


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
