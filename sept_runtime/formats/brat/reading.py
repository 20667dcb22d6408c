"""
Documents as brat standoff (`NAME.txt`, `NAME.ann`, `annotation.conf`) and back.

brat knows a text and character offsets, and no sentences, words or document keys. What it cannot
hold stands in one file beside its own, `sept_documents.json`, which brat neither lists nor
touches: per document its file name, key, sentences, word offsets and a digest of its text. Comment
lines in the `.ann` file would be no place for it: brat ties each to an annotation and rewrites the
file. Where that record is missing, or the text is no longer the recorded one, words and sentences
are found anew.
"""

import hashlib
import json
import logging
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple, Union

from sept_runtime.documents import Document, DocumentError, LabeledSpan, document_from_scierc
from sept_runtime.formats.predictions import PredictedDocument, PredictedEntity, checked_offsets

logger = logging.getLogger(__name__)

Tokeniser = Callable[[str], Tuple[List[List[str]], List[Tuple[int, int]]]]

RECORD_NAME = "sept_documents.json"

# What to do with an entity that words of one sentence cannot express.
MISFIT_POLICIES = ("error", "skip", "widen")

# Well below what file systems allow, with room for a number and a suffix.
LONGEST_FILE_NAME = 100
_RESERVED_FILE_NAME = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)

_SAFE_TYPE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
_TEXT_BOUND = re.compile(
    r"(?P<id>T\S+)\t(?P<type>\S+) (?P<fragments>[0-9]+ [0-9]+(?:;[0-9]+ [0-9]+)*)"
    r"(?:\t(?P<surface>.*))?"
)
_EVENT = re.compile(r"E\S*\t\S+?:(?P<trigger>T\S+)")
_OTHER_KINDS = {
    "R": "relations",
    "E": "events",
    "*": "equivalences",
    "A": "attributes",
    "M": "attributes",
    "N": "normalisations",
}
_NOTE = "#"


@dataclass
class BratReport:
    """
    What reading a folder left out.

    # Parameters

    ignored : `Counter`
        How many lines of each kind have no place in a document: relations, events and so on.
    skipped : `List[str]`
        A message for each entity left out under the policy "skip".
    missing : `List[str]`
        The keys of recorded documents whose text is gone from the folder.
    """

    ignored: Counter = field(default_factory=Counter)
    skipped: List[str] = field(default_factory=list)
    missing: List[str] = field(default_factory=list)


class _Annotation(NamedTuple):
    where: str
    type: str
    fragments: List[Tuple[int, int]]
    surface: Optional[str]


def write_brat(documents: Iterable[PredictedDocument], folder: Path, gold: bool = False) -> int:
    """
    Writes a folder that brat can serve. The entities are the predicted ones, with their scores as
    notes, or the gold ones where nothing was predicted.

    A document without a text of its own gets one: a sentence a line, single spaces between words.

    # Parameters

    documents : `Iterable[PredictedDocument]`
    folder : `Path`
        Must not exist, or be empty: nobody's annotation is overwritten.
    gold : `bool`, optional (default = `False`)
        Write the gold annotation even where there are predictions.

    # Returns

    `int`: how many documents were written.

    # Raises

    `DocumentError` where the folder is not empty, or a text is given without its words' offsets.
    """
    documents = list(documents)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DocumentError(
            f"{folder}: is there already and not an empty folder; name a new one (nothing is "
            "overwritten, it might be somebody's annotation)"
        )
    placed = [_with_offsets(document.document) for document in documents]
    entities_of = [
        document.document.entities if gold or document.predicted is None else document.predicted
        for document in documents
    ]
    type_of = _brat_types(entity.label for entities in entities_of for entity in entities or [])

    folder.mkdir(parents=True, exist_ok=True)
    taken: Counter = Counter()
    lines = []
    for document, (text, offsets), entities in zip(documents, placed, entities_of, strict=True):
        source = document.document
        name = _file_name(source.key, taken)
        # As bytes: a platform's line ends would shift the offsets.
        (folder / f"{name}.txt").write_bytes(text.encode("utf-8"))
        annotations = "".join(_annotation_lines(text, offsets, entities or [], type_of))
        (folder / f"{name}.ann").write_bytes(annotations.encode("utf-8"))
        record = {
            "file": name,
            "doc_key": source.key,
            "text_sha256": _digest(text),
            "annotated": entities is not None,
            "sentences": source.sentences,
            "word_offsets": offsets,
        }
        lines.append(json.dumps(record))
    renamed = {brat: label for label, brat in type_of.items() if brat != label}
    (folder / RECORD_NAME).write_text(
        f'{{"types": {json.dumps(renamed)},\n"documents": [\n' + ",\n".join(lines) + "\n]}\n",
        encoding="utf-8",
    )
    (folder / "annotation.conf").write_text(_configuration(type_of.values()), encoding="utf-8")
    return len(documents)


def read_brat(
    folder: Path, tokenise: Tokeniser, misfits: str = "error"
) -> Tuple[List[Document], BratReport]:
    """
    The documents of a folder that `write_brat` or anybody else wrote and people have edited, each
    with text and word offsets: the recorded ones in their order, then the others by file name,
    which is their key.

    # Parameters

    folder : `Path`
    tokenise : `Callable[[str], Tuple[List[List[str]], List[Tuple[int, int]]]]`
        Finds sentences and word offsets where they are not recorded.
    misfits : `str`, optional (default = `"error"`)
        What to do with an entity that begins or ends inside a word, leaves out words in its
        middle, crosses the end of a recorded sentence, points outside the text or at other
        characters than it claims, or has the place of one with another type: "error", "skip", or
        "widen" it to the whole words that it touches where that is all that is wrong.

    # Raises

    `DocumentError` for files that are not brat's, and for misfits if that is the policy.
    """
    if misfits not in MISFIT_POLICIES:
        raise ValueError(f"misfits must be one of {', '.join(MISFIT_POLICIES)}, not {misfits!r}")
    if not folder.is_dir():
        raise DocumentError(f"{folder}: there is no such folder")
    names = _names(folder, ".txt")
    orphans = sorted(set(_names(folder, ".ann")) - set(names))
    if orphans:
        raise DocumentError(f"{folder / orphans[0]}.ann: its text, {orphans[0]}.txt, is missing")
    if not names:
        raise DocumentError(f"{folder}: the folder holds no .txt file")
    records, labels = _read_records(folder / RECORD_NAME)

    report = BratReport()
    report.missing = [record["doc_key"] for name, record in records.items() if name not in names]
    order = [name for name in records if name in names]
    order += [name for name in names if name not in records]
    documents = [
        _read_document(folder, name, records.get(name), labels, tokenise, misfits, report)
        for name in order
    ]
    return documents, report


def _names(folder: Path, suffix: str) -> List[str]:
    """The files with a suffix, without it, in order; hidden ones are none of brat's."""
    found = (path.name for path in folder.iterdir() if path.is_file())
    return sorted(
        name.removesuffix(suffix)
        for name in found
        if name.endswith(suffix) and not name.startswith(".")
    )


def document_to_json(document: Document) -> Dict[str, Any]:
    """The document as a line of SciERC's format, with `text` and `word_offsets`."""
    fields: Dict[str, Any] = {"doc_key": document.key, "sentences": document.sentences}
    if document.entities is not None:
        fields["ner"] = document.by_sentence(document.entities)
    fields["text"] = document.text
    fields["word_offsets"] = [list(offset) for offset in document.offsets or []]
    return fields


def _with_offsets(document: Document) -> Tuple[str, List[Tuple[int, int]]]:
    text, offsets = _text_and_offsets(document)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DocumentError(
            f"{document.describe()}: the text cannot be written as UTF-8 ({error})"
        ) from None
    return text, offsets


def _text_and_offsets(document: Document) -> Tuple[str, List[Tuple[int, int]]]:
    if document.text is not None:
        if document.offsets is None:
            raise DocumentError(
                f"{document.describe()}: the words joined by single spaces are not its 'text', so "
                "'word_offsets' must say where they are in it"
            )
        return document.text, document.offsets
    offsets = []
    lines = []
    start = 0
    for sentence in document.sentences:
        for word in sentence:
            offsets.append((start, start + len(word)))
            start += len(word) + 1
        # The line feed stands where the last word's space would, or alone on an empty line.
        start += not sentence
        lines.append(" ".join(sentence) + "\n")
    return "".join(lines), offsets


def _annotation_lines(
    text: str,
    offsets: List[Tuple[int, int]],
    entities: Iterable[Union[LabeledSpan, PredictedEntity]],
    type_of: Dict[str, str],
) -> Iterator[str]:
    for number, entity in enumerate(entities, start=1):
        fragments = list(_fragments(text, offsets[entity.start][0], offsets[entity.end][1]))
        places = ";".join(f"{start} {end}" for start, end in fragments)
        surface = " ".join(_one_line(text[start:end]) for start, end in fragments)
        yield f"T{number}\t{type_of[entity.label]} {places}\t{surface}\n"
        score = getattr(entity, "score", None)
        if score is not None:
            yield f"#{number}\tAnnotatorNotes T{number}\tscore {score:.3f}\n"


def _fragments(text: str, start: int, end: int) -> Iterator[Tuple[int, int]]:
    """The pieces of a span between line ends: an annotation of brat's cannot cross one."""
    for line in re.finditer(r"[^\r\n]+", text[start:end]):
        piece_start, piece_end = _stripped(text, start + line.start(), start + line.end())
        if piece_start < piece_end:
            yield piece_start, piece_end


def _one_line(text: str) -> str:
    """The text with a space for whatever a reader could take for a tab or a line's end."""
    return re.sub(r"[\t\v\f\x1c-\x1e\x85\u2028\u2029]", " ", text)


def _brat_types(labels: Iterable[str]) -> Dict[str, str]:
    """For each label the name of its type in brat, where spaces and most signs are not allowed."""
    names = sorted(set(labels))
    types = {label: label for label in names if _SAFE_TYPE.fullmatch(label)}
    for label in names:
        if label not in types:
            stem = "T" + re.sub(r"[^A-Za-z0-9_-]+", "_", label)
            brat, number = stem, 2
            while brat in types.values():
                brat, number = f"{stem}_{number}", number + 1
            types[label] = brat
    return types


def _configuration(types: Iterable[str]) -> str:
    return (
        "[entities]\n"
        + "".join(f"{name}\n" for name in sorted(types))
        # Without this line brat marks nested and overlapping entities as errors.
        + "\n[relations]\n<OVERLAP>\tArg1:<ENTITY>, Arg2:<ENTITY>, <OVL-TYPE>:<ANY>\n"
        "\n[events]\n\n[attributes]\n"
    )


def _file_name(key: str, taken: Counter) -> str:
    """
    A name that is safe on every system, for any key, and that no other document has, also where
    capitals and small letters are one. `taken` counts the names given so far.
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", key)[:LONGEST_FILE_NAME].strip(".-") or "document"
    if _RESERVED_FILE_NAME.match(name):
        name = f"_{name}"
    stem = name
    while taken[name.lower()]:
        taken[stem.lower()] += 1
        name = f"{stem}-{taken[stem.lower()]}"
    taken[name.lower()] += 1
    return name


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _read_records(path: Path) -> Tuple[Dict[str, Dict[str, Any]], Dict[str, str]]:
    """By file name what `write_brat` recorded, and which labels brat's types stand for."""
    if not path.is_file():
        return {}, {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        labels = {str(brat): str(label) for brat, label in content["types"].items()}
        records = {}
        for record in content["documents"]:
            for name in (
                "file",
                "doc_key",
                "text_sha256",
                "annotated",
                "sentences",
                "word_offsets",
            ):
                record[name]
            records[record["file"]] = record
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DocumentError(
            f"{path}: not as sept-brat wrote it ({type(error).__name__}: {error}); restore it, or "
            "take it away to have words and sentences found anew"
        ) from None
    return records, labels


def _read_document(
    folder: Path,
    name: str,
    record: Optional[Dict[str, Any]],
    labels: Dict[str, str],
    tokenise: Tokeniser,
    misfits: str,
    report: BratReport,
) -> Document:
    text_path = folder / f"{name}.txt"
    annotation_path = folder / f"{name}.ann"
    annotations = None
    if annotation_path.is_file():
        annotations = _read_annotations(annotation_path, report)
    key = name if record is None else record["doc_key"]
    texts = _readings(_decode(text_path))

    document = None
    if record is not None:
        recorded = [text for text in texts if _digest(text) == record["text_sha256"]]
        if recorded:
            document = document_from_scierc(
                {"doc_key": key, "sentences": record["sentences"]}, str(folder / RECORD_NAME)
            )
            document.text = recorded[0]
            document.offsets = checked_offsets(
                record["word_offsets"], document.words, recorded[0], document.describe()
            )
        else:
            logger.warning(
                "%s: the text has been changed; its words and sentences are found anew", text_path
            )
    if document is None:
        # As editors leave a text, the offsets may be right without a byte-order mark only, or with
        # other line ends.
        text = max(texts, key=lambda text: sum(_matches(a, text) for a in annotations or []))
        sentences, offsets = tokenise(text)
        document = Document(key=key, sentences=sentences, text=text, offsets=offsets)
        _join_crossed_sentences(document, annotations or [])
    document.origin = str(text_path)

    annotated = annotations is not None and (
        bool(annotations) or record is None or bool(record["annotated"])
    )
    if annotated:
        document.entities = _entities(document, annotations or [], labels, misfits, report)
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


def _read_annotations(path: Path, report: BratReport) -> List[_Annotation]:
    annotations: Dict[str, _Annotation] = {}
    triggers = set()
    lines = _decode(path).removeprefix("\ufeff").split("\n")
    for number, line in enumerate(lines, start=1):
        line = line.removesuffix("\r")
        where = f"{path}, line {number}"
        if not line.strip() or line.startswith(_NOTE):
            continue
        if line[0] in _OTHER_KINDS:
            report.ignored[_OTHER_KINDS[line[0]]] += 1
            event = _EVENT.match(line)
            if event:
                triggers.add(event["trigger"])
            continue
        match = _TEXT_BOUND.fullmatch(line)
        if match is None:
            raise DocumentError(
                f"{where}: expected an annotation such as 'T1<tab>Task 10 25<tab>the text', "
                f"found {line[:80]!r}"
            )
        if match["id"] in annotations:
            raise DocumentError(f"{where}: there is another {match['id']} before it")
        fragments = [
            (int(start), int(end))
            for start, end in (pair.split() for pair in match["fragments"].split(";"))
        ]
        annotations[match["id"]] = _Annotation(where, match["type"], fragments, match["surface"])
    # A trigger says where an event is named; it is no entity.
    report.ignored.update("event triggers" for id in annotations if id in triggers)
    return [annotation for id, annotation in annotations.items() if id not in triggers]


def _matches(annotation: _Annotation, text: str) -> bool:
    """Whether the text at an annotation's place is what the annotation says, spaces aside."""
    start, end = _extent(annotation)
    if not 0 <= start < end <= len(text):
        return False
    pieces = " ".join(text[start:end] for start, end in annotation.fragments)
    return annotation.surface is None or pieces.split() == annotation.surface.split()


def _extent(annotation: _Annotation) -> Tuple[int, int]:
    return (
        min(start for start, _ in annotation.fragments),
        max(end for _, end in annotation.fragments),
    )


def _touched(offsets: List[Tuple[int, int]], start: int, end: int) -> range:
    """The words that share a character with a stretch of the text."""
    first = bisect_right(offsets, start, key=lambda offset: offset[1])
    return range(first, bisect_left(offsets, end, key=lambda offset: offset[0]))


def _join_crossed_sentences(document: Document, annotations: Iterable[_Annotation]) -> None:
    """Where sentences were only guessed, an annotation across the end of one says otherwise."""
    sentence_ids = document.sentence_ids
    joined = set()
    for annotation in annotations:
        words = _touched(document.offsets or [], *_extent(annotation))
        if words:
            joined.update(range(sentence_ids[words[0]] + 1, sentence_ids[words[-1]] + 1))
    sentences: List[List[str]] = []
    for index, sentence in enumerate(document.sentences):
        if index in joined:
            sentences[-1] = sentences[-1] + sentence
        else:
            sentences.append(sentence)
    document.sentences = sentences


def _entities(
    document: Document,
    annotations: Iterable[_Annotation],
    labels: Dict[str, str],
    misfits: str,
    report: BratReport,
) -> List[LabeledSpan]:
    sentence_ids = document.sentence_ids
    entities: Dict[Tuple[int, int], LabeledSpan] = {}
    for annotation in annotations:
        label = labels.get(annotation.type, annotation.type)
        span, fault = _word_span(document, sentence_ids, annotation, widen=misfits == "widen")
        if span is not None and entities.get(span, (0, 0, label))[2] != label:
            fault = (
                f"its words are already labelled {entities[span].label!r}; a span has one label: "
                "delete one of the two"
            )
        if fault or span is None:
            message = f"{annotation.where}: {annotation.type} {annotation.surface or ''!r}: {fault}"
            if misfits != "skip":
                raise DocumentError(f"{message}; or skip such entities (--misfits skip)")
            report.skipped.append(message)
            continue
        entities.setdefault(span, LabeledSpan(*span, label))
    return list(entities.values())


def _word_span(
    document: Document, sentence_ids: List[int], annotation: _Annotation, widen: bool
) -> Tuple[Optional[Tuple[int, int]], str]:
    """The first and last word of an annotation, or `None`, and what is wrong with it."""
    text = document.text or ""
    offsets = document.offsets or []
    start, end = _extent(annotation)
    if not 0 <= start < end <= len(text):
        return None, f"{start} to {end} is no place in the text of {len(text)} characters"
    if not _matches(annotation, text):
        return None, (
            f"the text there is {text[start:end]!r}; text and annotation are not of the same "
            "version: restore the text, or annotate it anew"
        )
    words = _touched(offsets, start, end)
    if not words:
        return None, "there is no word there"
    first, last = words[0], words[-1]
    if sentence_ids[first] != sentence_ids[last]:
        return None, "it crosses the end of a sentence: split it in two"
    if widen:
        return (first, last), ""
    fragments = sorted(annotation.fragments)
    for (_, gap_start), (gap_end, _) in pairwise(fragments):
        if text[gap_start:gap_end].strip():
            return None, (
                f"it leaves out {text[gap_start:gap_end].strip()!r} in its middle: annotate one "
                "stretch of text, or take the words between in (--misfits widen)"
            )
    whole_start, whole_end = _stripped(text, offsets[first][0], offsets[last][1])
    if start > whole_start or end < whole_end:
        return None, (
            "it begins or ends inside a word: move its borders to "
            f"{text[whole_start:whole_end]!r}, or have that done for all (--misfits widen)"
        )
    return (first, last), ""


def _stripped(text: str, start: int, end: int) -> Tuple[int, int]:
    """A stretch of the text without the white space at its ends."""
    content = text[start:end].lstrip()
    return end - len(content), end - len(content) + len(content.rstrip())
