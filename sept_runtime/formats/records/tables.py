"""Read records from CSV, TSV and Parquet files, and from JSON arrays."""

import codecs
import csv
import io
import json
import math
import re
import sys
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO, Iterator, Tuple, Union

from sept_runtime.documents import DocumentError
from sept_runtime.errors import needs_extra
from sept_runtime.formats.files import DamagedInputError
from sept_runtime.formats.json_lines import JsonObject, finite_number, not_json, parse_line
from sept_runtime.formats.records.whole import MAX_WHOLE_BYTES, MissingExtraError, read_whole

if TYPE_CHECKING:
    import pyarrow

_CHUNK_BYTES = 2**16
# The text before the first element of an array, and that before another one or at the end.
_FIRST = re.compile(r"\s*(\[\s*\]|\[)\s*")
_NEXT = re.compile(r"\s*([,\]])\s*")

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
    reader = csv.reader(chain([first], lines), delimiter=delimiter)
    try:
        header = next(reader, [])
        for row in reader:
            if any(row):
                yield reader.line_num, {key: value for key, value in zip(header, row) if value}
    except csv.Error as error:
        reason = f"line {reader.line_num} is not valid in a table: {error}"
        raise DamagedInputError(name, reason) from None


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


def read_parquet(source: Union[str, BinaryIO], name: str) -> Iterator[Tuple[int, Any]]:
    """
    Yield the rows of a Parquet file as objects, each with its number.

    A row with text that is not UTF-8 is a `DocumentError`, which is yielded, not raised.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError(needs_extra(f"{name}: reading Parquet", "formats")) from None
    try:
        number = 0
        for batch in parquet.ParquetFile(source).iter_batches(256, use_threads=False):
            for row in _parquet_rows(batch):
                number += 1
                yield number, row
    except pyarrow.ArrowException as error:
        raise DamagedInputError(name, f"not valid Parquet: {error}") from None


def _parquet_rows(batch: "pyarrow.RecordBatch") -> Iterator[Any]:
    try:
        rows = batch.to_pylist()
    except UnicodeDecodeError:
        if batch.num_rows == 1:
            yield DocumentError("the row contains bytes that are not UTF-8")
        else:
            for index in range(batch.num_rows):
                yield from _parquet_rows(batch.slice(index, 1))
        return
    for row in rows:
        try:
            yield {key: _plain(value) for key, value in row.items()}
        except UnicodeDecodeError:
            yield DocumentError("the row contains bytes that are not UTF-8")


def _plain(value: Any) -> Any:
    """Return a value that JSON can express."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def read_json(file: io.BufferedReader, name: str) -> Iterator[Tuple[int, Any]]:
    """
    Yield the elements of a JSON array, of a service's list of results, or a single object.

    Only an array is read element by element.
    """
    if file.peek(4096)[:4096].removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"["):
        yield from _array(file, name)
        return
    try:
        value = parse_line(read_whole(file, name, "a JSON object"))
    except DocumentError as error:
        raise DocumentError(f"{name}: {error}") from None
    if not isinstance(value, dict):
        raise DocumentError(f"{name}: expected a list of objects")
    lists = (value[key] for key in _LISTS if isinstance(value.get(key), list))
    yield from enumerate(next(lists, [value]), start=1)


def _array(file: BinaryIO, name: str) -> Iterator[Tuple[int, Any]]:
    """Yield the elements of a JSON array, of which a few are in memory at once."""
    parse = json.JSONDecoder(parse_constant=not_json, parse_float=finite_number).raw_decode
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    text, start, number, is_last, size = "", 0, 0, False, _CHUNK_BYTES
    try:
        while True:
            try:
                separator = (_NEXT if number else _FIRST).match(text, start)
                if separator is None:
                    raise ValueError("expected ',' or ']'")
                if separator[1].endswith("]"):
                    return
                value, end = parse(text, separator.end())
                # What follows tells that a number has not been cut.
                if not _NEXT.match(text, end):
                    raise ValueError("expected ',' or ']'")
            except (ValueError, RecursionError):
                if is_last or len(text) - start > MAX_WHOLE_BYTES:
                    raise
                chunk = file.read(size)
                is_last = not chunk
                text, start = text[start:] + decoder.decode(chunk, is_last), 0
                # A long element is parsed again with twice as much, so that it takes linear time.
                size *= 2
                continue
            number += 1
            yield number, value
            start, size = end, _CHUNK_BYTES
    except (ValueError, RecursionError) as error:
        raise DamagedInputError(name, f"not valid JSON after record {number}: {error}") from None
