"""
The file beside brat's own with what brat cannot hold.

brat neither lists nor changes it. Comment lines in the `.ann` files would not do: brat ties each to
an annotation and rewrites the file.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Dict, Iterable, List, NamedTuple

import msgspec

from sept_runtime.documents import DocumentError

RECORD_NAME = "sept_documents.json"


class DocumentRecord(msgspec.Struct):
    """
    The part of a document that brat does not know.

    # Parameters

    file : `str`
        The name of its files, without the suffix.
    doc_key : `str`
    text_sha256 : `str`
        The `digest` of its text.
    annotated : `bool`
        Whether the document is annotated; brat's `.ann` file may be empty in either case.
    related : `bool`
        Whether relations are annotated.
    sentences : `List[List[str]]`
    word_offsets : `Any`
        As read from JSON; they are checked with the text.
    """

    file: str
    doc_key: str
    text_sha256: str
    annotated: bool
    related: bool
    sentences: List[List[str]]
    word_offsets: Any


class _File(msgspec.Struct):
    """The content of a record file."""

    # The labels of the types that have another name in brat.
    types: Dict[str, str]
    relation_types: Dict[str, str]
    documents: List[DocumentRecord]


class FolderRecord(NamedTuple):
    """
    The part of a folder that brat does not know.

    # Parameters

    documents : `Dict[str, DocumentRecord]`
        By the name of their files.
    labels, relation_labels : `Dict[str, str]`
        The labels of those of brat's types that have another name.
    """

    documents: Dict[str, DocumentRecord]
    labels: Dict[str, str]
    relation_labels: Dict[str, str]


def digest(text: str) -> str:
    """Return the SHA-256 of a text, which tells an edited text from the recorded one."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def write_records(
    folder: Path,
    records: Iterable[DocumentRecord],
    type_of: Dict[str, str],
    relation_type_of: Dict[str, str],
) -> None:
    """
    Write the record of a folder.

    # Parameters

    folder : `Path`
    records : `Iterable[DocumentRecord]`
    type_of, relation_type_of : `Dict[str, str]`
        The name of each label's type in brat.
    """
    types, relation_types = map(json.dumps, map(_renamed, (type_of, relation_type_of)))
    lines = ",\n".join(json.dumps(msgspec.structs.asdict(record)) for record in records)
    (folder / RECORD_NAME).write_text(
        f'{{"types": {types},\n"relation_types": {relation_types},\n"documents": [\n{lines}\n]}}\n',
        encoding="utf-8",
    )


def _renamed(type_of: Dict[str, str]) -> Dict[str, str]:
    return {brat: label for label, brat in type_of.items() if brat != label}


def read_records(folder: Path) -> FolderRecord:
    """
    Read the record that `write_records` wrote; an empty one if there is no file.

    # Raises

    `DocumentError` if the file is invalid.
    """
    path = folder / RECORD_NAME
    if not path.is_file():
        return FolderRecord({}, {}, {})
    try:
        # Python's JSON, because a key may hold lone surrogates.
        content = msgspec.convert(json.loads(path.read_text(encoding="utf-8")), _File)
    except (ValueError, RecursionError, msgspec.ValidationError) as error:
        raise DocumentError(
            f"{path}: no longer as 'sept convert' wrote it ({error}); restore it, or remove it: "
            "the texts are then split into words and sentences again"
        ) from None
    documents = {record.file: record for record in content.documents}
    return FolderRecord(documents, content.types, content.relation_types)
