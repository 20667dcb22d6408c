"""Write documents as a folder of brat's."""

import re
from collections import Counter
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from sept_runtime.documents import Document, DocumentError, ScoredRelation, ScoredSpan, Span
from sept_runtime.formats.brat.alignment import stripped
from sept_runtime.formats.brat.records import DocumentRecord, digest, write_records
from sept_runtime.formats.files import check_new_folder
from sept_runtime.formats.predictions import PredictedDocument
from sept_runtime.tokenization.words import without_surrogates

# Well below what file systems allow, with room for a number and a suffix.
LONGEST_FILE_NAME = 100
_RESERVED_FILE_NAME = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)

_SAFE_TYPE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")


def write_brat(documents: Iterable[PredictedDocument], folder: Path, gold: bool = False) -> int:
    """
    Write a folder that brat can serve.

    The entities and relations are the predicted ones, with their scores as notes, or the gold ones
    of documents without predictions. A document without a text gets one: a sentence a line, single
    spaces between words.

    # Parameters

    documents : `Iterable[PredictedDocument]`
    folder : `Path`
        Must be new or empty: no annotation is overwritten.
    gold : `bool`, optional (default = `False`)
        Write the gold annotation of all documents.

    # Returns

    `int`: the number of documents.

    # Raises

    `DocumentError` if the folder is not empty, or a text is given without its words' offsets.
    """
    documents = list(documents)
    check_new_folder(folder)
    # All that can go wrong, before the first file is written.
    texts = [_text_and_offsets(document.document) for document in documents]
    annotations = [_annotation(document, gold) for document in documents]
    type_of = _brat_types(entity.label for each in annotations for entity in each.entities or [])
    relation_type_of = _brat_types(
        (relation.label for each in annotations for relation in each.relations or []),
        taken=type_of.values(),
    )

    folder.mkdir(parents=True, exist_ok=True)
    taken: Counter[str] = Counter()
    records = []
    for document, (text, offsets), each in zip(documents, texts, annotations, strict=True):
        source = document.document
        name = _file_name(source.key, taken)
        # As bytes, because a platform's line ends would shift the offsets.
        (folder / f"{name}.txt").write_bytes(text.encode("utf-8"))
        lines = [
            *_entity_lines(text, offsets, each.entities or [], type_of),
            *_relation_lines(each.relations or [], len(each.entities or []), relation_type_of),
        ]
        (folder / f"{name}.ann").write_bytes("".join(lines).encode("utf-8"))
        records.append(
            DocumentRecord(
                name,
                source.key,
                digest(text),
                annotated=each.entities is not None,
                related=each.relations is not None,
                sentences=source.sentences,
                word_offsets=offsets,
            )
        )
    write_records(folder, records, type_of, relation_type_of)
    configuration = _configuration(type_of.values(), relation_type_of.values())
    (folder / "annotation.conf").write_text(configuration, encoding="utf-8")
    return len(documents)


class _Annotation(NamedTuple):
    """The entities and relations to write; relations have the indices of their entities."""

    entities: Optional[Sequence[Span]]
    relations: Optional[Sequence[ScoredRelation]]


def _annotation(document: PredictedDocument, gold: bool) -> _Annotation:
    if document.predicted is not None and not gold:
        return _Annotation(document.predicted.entities, document.predicted.relations)
    entities, relations = document.document.entities, document.document.relations
    if relations is None:
        return _Annotation(entities, None)
    index = {(entity.start, entity.end): number for number, entity in enumerate(entities or [])}
    return _Annotation(
        entities,
        [ScoredRelation(index[head], index[tail], label) for head, tail, label in relations],
    )


# Texts ------------------------------------------------------------------------------------------


def _text_and_offsets(document: Document) -> Tuple[str, List[Tuple[int, int]]]:
    if document.text is None:
        text, offsets = _sentence_a_line(document.sentences)
    elif document.offsets is not None:
        text, offsets = document.text, document.offsets
    else:
        raise DocumentError(
            f"{document.describe()}: 'text' is not the words joined by single spaces, so "
            "'word_offsets' is needed"
        )
    # Lone surrogates, which UTF-8 cannot express, cost no more than their characters.
    return without_surrogates(text), offsets


def _sentence_a_line(sentences: Iterable[Sequence[str]]) -> Tuple[str, List[Tuple[int, int]]]:
    offsets = []
    lines = []
    start = 0
    for sentence in sentences:
        for word in sentence:
            offsets.append((start, start + len(word)))
            start += len(word) + 1
        # The line feed stands where the last word's space would, or alone on an empty line.
        start += not sentence
        lines.append(" ".join(sentence) + "\n")
    return "".join(lines), offsets


def _file_name(key: str, taken: Counter[str]) -> str:
    """
    Return a file name for a key that is unique and safe on every system.

    Case does not count. `taken` counts the names given so far.
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


# Annotations ------------------------------------------------------------------------------------


def _entity_lines(
    text: str, offsets: Sequence[Tuple[int, int]], entities: Sequence[Span], type_of: Dict[str, str]
) -> Iterator[str]:
    for number, entity in enumerate(entities, start=1):
        fragments = list(_fragments(text, offsets[entity.start][0], offsets[entity.end][1]))
        places = ";".join(f"{start} {end}" for start, end in fragments)
        surface = " ".join(_one_line(text[start:end]) for start, end in fragments)
        yield f"T{number}\t{type_of[entity.label]} {places}\t{surface}\n"
        if isinstance(entity, ScoredSpan) and entity.score is not None:
            yield _note(number, f"T{number}", entity.score)


def _relation_lines(
    relations: Sequence[ScoredRelation], num_entities: int, type_of: Dict[str, str]
) -> Iterator[str]:
    for number, (head, tail, label, score) in enumerate(relations, start=1):
        yield f"R{number}\t{type_of[label]} Arg1:T{head + 1} Arg2:T{tail + 1}\n"
        if score is not None:
            yield _note(num_entities + number, f"R{number}", score)


def _note(number: int, annotation: str, score: float) -> str:
    return f"#{number}\tAnnotatorNotes {annotation}\tscore {score:.3f}\n"


def _fragments(text: str, start: int, end: int) -> Iterator[Tuple[int, int]]:
    """Yield the pieces of a span between line ends, which brat's annotations cannot cross."""
    for line in re.finditer(r"[^\r\n]+", text[start:end]):
        piece_start, piece_end = stripped(text, start + line.start(), start + line.end())
        if piece_start < piece_end:
            yield piece_start, piece_end


def _one_line(text: str) -> str:
    """Replace what a reader could take for a tab or line end by spaces."""
    return re.sub(r"[\t\v\f\x1c-\x1e\x85\u2028\u2029]", " ", text)


def _brat_types(labels: Iterable[str], taken: Iterable[str] = ()) -> Dict[str, str]:
    """
    Return the name of each label's type in brat.

    Spaces and most signs are not allowed, and entities and relations share no name.
    """
    names, others = sorted(set(labels)), set(taken)
    types = {label: label for label in names if _SAFE_TYPE.fullmatch(label) and label not in others}
    for label in names:
        if label not in types:
            stem = "T" + re.sub(r"[^A-Za-z0-9_-]+", "_", label)
            brat, number = stem, 2
            while brat in types.values() or brat in others:
                brat, number = f"{stem}_{number}", number + 1
            types[label] = brat
    return types


def _configuration(types: Iterable[str], relation_types: Iterable[str]) -> str:
    return (
        "[entities]\n"
        + "".join(f"{name}\n" for name in sorted(types))
        # Without this line brat marks nested and overlapping entities as errors.
        + "\n[relations]\n<OVERLAP>\tArg1:<ENTITY>, Arg2:<ENTITY>, <OVL-TYPE>:<ANY>\n"
        + "".join(f"{name}\tArg1:<ENTITY>, Arg2:<ENTITY>\n" for name in sorted(relation_types))
        + "\n[events]\n\n[attributes]\n"
    )
