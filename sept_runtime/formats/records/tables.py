"""Read records from CSV, TSV and Parquet files, and from JSON arrays."""

import codecs
import csv
import io
import json
import sys
from typing import Any, BinaryIO, Iterator, List, Tuple

from sept_runtime.documents import DocumentError
from sept_runtime.formats.json_lines import JsonObject

# The members under which services put the list of their results.
_LISTS = ("results", "data", "items", "documents", "papers", "records")


def read_csv(file: BinaryIO, name: str, delimiter: str = "") -> Iterator[Tuple[int, JsonObject]]:
    """
    Yield the rows of a table as objects, each with the number of its last line.

    Text that is not UTF-8 is read as Windows-1252, and stderr says so once. Without a `delimiter`
    it is the most frequent of comma, semicolon and tab in the first line.
    """
    csv.field_size_limit(2**31 - 1)
    lines = _decoded(file, name)
    first = next(lines, "")
    if not delimiter:
        delimiter = max(",;\t", key=first.count)
    reader = csv.reader(_chain(first, lines), delimiter=delimiter)
    try:
        header = next(reader, [])
        for row in reader:
            if any(row):
                yield reader.line_num, {key: value for key, value in zip(header, row) if value}
    except csv.Error as error:
        raise DocumentError(
            f"{name}, line {reader.line_num}: not a valid table ({error})"
        ) from None


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _decoded(file: BinaryIO, name: str) -> Iterator[str]:
    assert isinstance(file, io.BufferedReader)
    start = file.peek(4)[:4]
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        yield from io.TextIOWrapper(file, "utf-16", newline="")
        return
    told = False
    for number, line in enumerate(file):
        try:
            yield line.decode("utf-8-sig" if number == 0 else "utf-8")
        except UnicodeDecodeError:
            if not told:
                print(f"{name}: not UTF-8, read as Windows-1252", file=sys.stderr)
                told = True
            yield line.decode("cp1252", errors="replace")


def read_parquet(path: str) -> Iterator[Tuple[int, JsonObject]]:
    """Yield the rows of a Parquet file as objects, each with its number."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise DocumentError(
            f"{path}: reading Parquet needs an extra: pip install 'sept_allennlp[formats]'"
        ) from None
    try:
        number = 0
        for batch in parquet.ParquetFile(path).iter_batches(256, use_threads=False):
            for row in batch.to_pylist():
                number += 1
                yield number, {key: _plain(value) for key, value in row.items()}
    except (pyarrow.ArrowException, UnicodeDecodeError) as error:
        raise DocumentError(f"{path}: not a valid Parquet file ({error})") from None


def _plain(value: Any) -> Any:
    """Return a value that JSON can express."""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def read_json(file: BinaryIO, name: str) -> Iterator[Tuple[int, Any]]:
    """Yield the elements of a JSON array, of a service's list of results, or a single object."""
    try:
        value = json.loads(file.read().decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise DocumentError(f"{name}: not valid JSON ({error})") from None
    if isinstance(value, dict):
        lists: List[Any] = [value[key] for key in _LISTS if isinstance(value.get(key), list)]
        value = lists[0] if lists else [value]
    if not isinstance(value, list):
        raise DocumentError(f"{name}: expected a list of objects")
    yield from enumerate(value, start=1)
