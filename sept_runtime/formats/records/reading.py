"""Recognize the format of files and read their records."""

import contextlib
import glob
import io
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import (
    Any,
    BinaryIO,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Tuple,
)

from sept_runtime.documents import DocumentError
from sept_runtime.formats.files import (
    COMPRESSION_SUFFIXES,
    STANDARD_INPUT_NAME,
    STANDARD_STREAM,
    open_input,
)
from sept_runtime.formats.json_lines import json_type, parse_line
from sept_runtime.formats.records.bibliographies import (
    read_bibtex,
    read_pubmed,
    read_tagged,
    read_tei,
)
from sept_runtime.formats.records.tables import read_csv, read_json, read_parquet
from sept_runtime.formats.records.whole import decode_text, read_whole

# The formats, and the suffixes of their files.
FORMATS = {
    "jsonl": (".jsonl", ".ndjson"),
    "json": (".json",),
    "csv": (".csv",),
    "tsv": (".tsv", ".tab"),
    "parquet": (".parquet",),
    "pubmed": (".xml",),
    "tei": (".tei", ".tei.xml"),
    "nbib": (".nbib", ".medline"),
    "ris": (".ris",),
    "wos": (".ciw",),
    "bibtex": (".bib", ".bibtex"),
    "text": (".txt", ".text", ".md"),
}

_SIGNATURES = (
    ("parquet", re.compile(rb"PAR1")),
    ("tei", re.compile(rb"\s*<(?s:.*?)<TEI[\s>]|\s*<TEI[\s>]")),
    ("pubmed", re.compile(rb"\s*<(?s:.*?)(PubmedArticle|MedlineCitation)|\s*<Pubmed")),
    ("nbib", re.compile(rb"\s*PMID *- ")),
    ("ris", re.compile(rb"\s*TY  ?- ")),
    ("wos", re.compile(rb"\s*(FN (Clarivate|Thomson|ISI)|PT [A-Z]\r?\n)")),
    ("bibtex", re.compile(rb"\s*(%[^\n]*\n\s*)*@[A-Za-z]+\s*[{(]")),
)


class Record(NamedTuple):
    """
    A record of a file.

    # Parameters

    origin : `str`
        File and line or record number, for messages.
    number : `int`
        The number of its line, or of the record.
    value : `Any`
        Its fields, an object; or `None` with an `error`.
    error : `str`, optional (default = `None`)
        Why a line could not be read.
    answered : `bool`, optional (default = `False`)
        Each line of a JSONL file has an output, if only an error.
    """

    origin: str
    number: int
    value: Any
    error: Optional[str] = None
    answered: bool = False


@dataclass
class RecordFile:
    """
    An open file of records.

    # Parameters

    name : `str`
        The file's name in messages.
    format : `str`
        One of `FORMATS`.
    records : `Iterator[Record]`
    """

    name: str
    format: str
    records: Iterator[Record]


def find_files(paths: Iterable[str]) -> List[str]:
    """
    Return the files that paths stand for.

    A path may be a file, a folder, which stands for all files in it and below that have a known
    suffix, or a pattern such as `exports/*.bib`.

    # Raises

    `DocumentError` for a path without a file.
    """
    found: List[str] = []
    for path in paths:
        if path == STANDARD_STREAM or (os.path.exists(path) and not os.path.isdir(path)):
            found.append(path)
            continue
        if os.path.isdir(path):
            inside = [
                str(each) for each in sorted(Path(path).rglob("*")) if _is_readable(each, path)
            ]
        else:
            inside = sorted(
                each for each in glob.glob(path, recursive=True) if os.path.isfile(each)
            )
        if not inside:
            kind = "no file with a known suffix in it" if os.path.isdir(path) else "no such file"
            raise DocumentError(f"{path}: there is {kind}")
        found.extend(inside)
    return found


def _is_readable(path: Path, folder: str) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return not hidden and path.is_file() and format_of_name(path.name) is not None


@contextlib.contextmanager
def open_records(
    path: str, format: Optional[str] = None, one_per_line: bool = False
) -> Iterator[RecordFile]:
    """
    Open a file of records in any of `FORMATS`.

    # Parameters

    path : `str`
        `-` for standard input.
    format : `str`, optional (default = `None`)
        By default the content tells, and if it does not, the name. JSON lines if neither does.
    one_per_line : `bool`, optional (default = `False`)
        Each line of a text is a document; by default the file is one.

    # Raises

    `DocumentError` if there is no such file. Reading raises it where the file is invalid.
    """
    name = STANDARD_INPUT_NAME if path == STANDARD_STREAM else path
    with open_input(path) as file:
        assert isinstance(file, io.BufferedReader)
        if format is None:
            format = recognize(file, name) or "jsonl"
        yield RecordFile(name, format, read_file(file, name, format, one_per_line))


def recognize(file: io.BufferedReader, name: str) -> Optional[str]:
    """Return the format of an open file by its content, or else its name; `None` if unknown."""
    named = format_of_name(name)
    # For pipes, only by their name, because too little may have arrived yet.
    start = file.peek(4096)[:4096].removeprefix(b"\xef\xbb\xbf")
    for format, pattern in _SIGNATURES:
        if pattern.match(start):
            return format
    stripped = start.lstrip()
    if stripped.startswith(b"{"):
        # Objects over several lines are no JSON lines.
        first = stripped.split(b"\n")[0].rstrip()
        return "json" if named == "json" and not first.endswith(b"}") else "jsonl"
    if stripped.startswith(b"[") and named in ("json", None):
        return "json"
    return "jsonl" if named == "json" else named


def format_of_name(name: str) -> Optional[str]:
    """Return the format that the suffix of a file's name stands for, compressed or not."""
    name = name.lower()
    for suffix in COMPRESSION_SUFFIXES:
        name = name.removesuffix(suffix)
    # The longest suffix that matches.
    matching = [
        (len(suffix), format)
        for format, suffixes in FORMATS.items()
        for suffix in suffixes
        if name.endswith(suffix)
    ]
    return max(matching)[1] if matching else None


def read_file(
    file: io.BufferedReader, name: str, format: str, one_per_line: bool = False
) -> Iterator[Record]:
    """
    Yield the records of an open file.

    # Parameters

    file : `io.BufferedReader`
        Its decompressed content.
    name : `str`
        The file's name in messages. A Parquet file of this name is opened if `file` cannot seek.
    format, one_per_line :
        As for `open_records`.

    # Raises

    `DocumentError` where the file is invalid.
    """
    if format == "jsonl":
        yield from read_lines(file, name)
        return
    if format == "text":
        yield from _texts(file, name, one_per_line)
        return
    for number, fields in _rows(file, name, format):
        origin = place(name, format, number)
        if isinstance(fields, dict):
            yield Record(origin, number, fields)
        else:
            error = f"expected an object, found {json_type(fields)}"
            yield Record(
                origin, number, None, str(fields) if isinstance(fields, DocumentError) else error
            )


def place(name: str, format: str, number: int) -> str:
    """Return the name of a record in messages: its file, and the number of its line or its own."""
    counted = "record" if format in ("json", "parquet", "pubmed", "tei") else "line"
    return f"{name}, {counted} {number}"


def _rows(file: io.BufferedReader, name: str, format: str) -> Iterator[Tuple[int, Any]]:
    if format in ("csv", "tsv"):
        return read_csv(file, name, "\t" if format == "tsv" else "")
    if format in ("nbib", "ris", "wos"):
        return read_tagged(file, name, format)
    if format == "parquet":
        if name == STANDARD_INPUT_NAME:
            raise DocumentError("Parquet cannot be read from standard input; name a file")
        return read_parquet(file if file.seekable() else name, name)
    readers: Dict[str, Callable[[io.BufferedReader, str], Iterator[Tuple[int, Any]]]] = {
        "json": read_json,
        "bibtex": read_bibtex,
        "pubmed": read_pubmed,
        "tei": read_tei,
    }
    return readers[format](file, name)


def read_lines(file: Iterable[bytes], name: str) -> Iterator[Record]:
    """Yield the lines of a JSONL file, also invalid ones, but not the blank ones at its end."""
    blank: List[Record] = []
    for number, line in enumerate(file, start=1):
        origin = f"{name}, line {number}"
        try:
            record = Record(origin, number, parse_line(line), answered=True)
        except DocumentError as error:
            record = Record(origin, number, None, str(error), answered=True)
        if not line.strip():
            blank.append(record)
            continue
        yield from blank
        blank = []
        yield record


def _texts(file: BinaryIO, name: str, one_per_line: bool) -> Iterator[Record]:
    stem = Path(name).name.split(".")[0] if name != STANDARD_INPUT_NAME else "text"
    if one_per_line:
        for number, line in enumerate(file, start=1):
            text = decode_text(line).strip("\r\n")
            if text.strip():
                origin = place(name, "text", number)
                yield Record(origin, number, {"id": f"{stem}-{number}", "text": text})
        return
    yield Record(name, 1, {"id": stem, "text": decode_text(read_whole(file, name, "text"))})
