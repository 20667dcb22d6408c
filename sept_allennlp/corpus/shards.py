"""Cutting input files into units of work."""

import gzip
import io
import json
import time
import zlib
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Collection, Dict, Iterator, List, NamedTuple, Optional, Union

import pyarrow
from pyarrow import parquet

from sept_allennlp.corpus.inputs import (
    GZIP_SUFFIX,
    PARQUET_SUFFIX,
    ZSTD_SUFFIX,
    CorpusError,
    InputFile,
)

# A unit ends early when its lines have this many bytes, so that a unit of long documents fits into
# memory too.
MAX_UNIT_BYTES = 32 * 2**20
# A longer line is no document; it is passed over without being held.
MAX_LINE_BYTES = 256 * 2**20

# The columns of a Parquet file that prediction knows what to do with.
_COLUMNS = ("id", "doc_key", "title", "text", "tokens", "sentences")
_TEXT_COLUMNS = _COLUMNS[3:]
_ROWS_AT_ONCE = 256


class Unreadable(NamedTuple):
    """A line, or the rest of a file, that could not even be read."""

    reason: str


Record = Union[bytes, Unreadable]


@dataclass(frozen=True)
class Unit:
    """
    Some successive lines of one file: what one worker annotates at once.

    # Parameters

    file : `int`
        The file's place among the inputs.
    number : `int`
        The unit's place in its file.
    first_line : `int`
        Counted from 1; of a Parquet file, rows are counted.
    num_lines : `int`
    num_bytes : `int`
        How much of the file it takes up, as it lies on the disk: about, if it is compressed.
    last : `bool`
        Whether the file ends with it. Every file has a last unit; an empty file's has no line.
    """

    file: int
    number: int
    first_line: int
    num_lines: int
    num_bytes: int
    last: bool

    @property
    def name(self) -> str:
        """Of its files; names sort in the order of the input."""
        return f"{self.file:06d}-{self.number:06d}"


@dataclass
class UnitLines:
    """
    A unit with its lines.

    # Parameters

    unit : `Unit`
    lines : `List[bytes]`
        Without line ends; empty where a line could not be read.
    unreadable : `Dict[int, str]`, optional
        Per place in `lines` the reason why it could not be read.
    seconds : `float`, optional
        How long reading took.
    """

    unit: Unit
    lines: List[bytes]
    unreadable: Dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0


def read_units(
    file: InputFile,
    place: int,
    lines_per_unit: int,
    done: Collection[int] = (),
    text_column: Optional[str] = None,
) -> Iterator[UnitLines]:
    """
    The units of a file, in order and one at a time: the file may be of any size.

    A file that ends in the middle, or turns out to be damaged, has one line more, which says so in
    place of all that cannot be read.

    # Parameters

    file : `InputFile`
    place : `int`
        Its place among the inputs.
    lines_per_unit : `int`
    done : `Collection[int]`, optional
        The numbers of units to leave out.
    text_column : `str`, optional (default = `"text"`)
        The column of a Parquet file that holds the raw text.

    # Raises

    `CorpusError` if the file has changed since the run began, and for a Parquet file without text.
    """
    file.check_unchanged()
    started = time.perf_counter()
    source = _open(file, text_column)
    records: List[Record] = []
    number, first_line, position, size = 0, 1, 0, 0

    def cut(last: bool) -> Iterator[UnitLines]:
        nonlocal records, number, first_line, position, size, started
        end = file.size if last else max(position, min(source.position(), file.size))
        if number not in done:
            unit = Unit(place, number, first_line, len(records), end - position, last)
            seconds = time.perf_counter() - started
            yield _unit_lines(unit, records, seconds)
            # Not what whoever takes the unit does meanwhile.
            started = time.perf_counter()
        number, first_line, position, size = number + 1, first_line + len(records), end, 0
        records = []

    with source:
        for record in source:
            # Only now is it known that the last unit was not the file's last.
            if len(records) == lines_per_unit or size >= MAX_UNIT_BYTES:
                yield from cut(last=False)
            records.append(record)
            size += len(record) if isinstance(record, bytes) else 0
    # Before the last unit, without which the file is not done.
    file.check_unchanged()
    yield from cut(last=True)


def _unit_lines(unit: Unit, records: List[Record], seconds: float) -> UnitLines:
    lines = [record if isinstance(record, bytes) else b"" for record in records]
    unreadable = {
        place: record.reason
        for place, record in enumerate(records)
        if isinstance(record, Unreadable)
    }
    return UnitLines(unit, lines, unreadable, seconds)


def _open(file: InputFile, text_column: Optional[str]) -> "_Source":
    if file.path.endswith(PARQUET_SUFFIX):
        return _ParquetRows(file, text_column or "text")
    return _JsonLines(file)


class _Source:
    """The records of an open file."""

    def __init__(self, file: InputFile) -> None:
        self._raw: BinaryIO = open(file.path, "rb")

    def __enter__(self) -> "_Source":
        return self

    def __exit__(self, *error: Any) -> None:
        self._raw.close()

    def __iter__(self) -> Iterator[Record]:
        try:
            yield from self._records()
        except (EOFError, zlib.error, pyarrow.ArrowException) as error:
            yield self._damaged(error)
        except OSError as error:
            # What the system reports has a number: the file may be sound, and is tried again.
            # What decompression reports has none.
            if error.errno is not None:
                raise
            yield self._damaged(error)

    def _damaged(self, error: Exception) -> Unreadable:
        return Unreadable(f"the file is damaged, nothing can be read from here on ({error})")

    def _records(self) -> Iterator[Record]:
        raise NotImplementedError

    def position(self) -> int:
        """How many of the file's bytes have been read, about."""
        raise NotImplementedError


class _JsonLines(_Source):
    def __init__(self, file: InputFile) -> None:
        super().__init__(file)
        self._lines: BinaryIO = self._raw
        if file.path.endswith(GZIP_SUFFIX):
            self._lines = gzip.open(self._raw)  # type: ignore[assignment]
        elif file.path.endswith(ZSTD_SUFFIX):
            stream = pyarrow.CompressedInputStream(self._raw, "zstd")
            self._lines = io.BufferedReader(stream)

    def _records(self) -> Iterator[Record]:
        while line := self._lines.readline(MAX_LINE_BYTES):
            if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
                while line and not line.endswith(b"\n"):
                    line = self._lines.readline(MAX_LINE_BYTES)
                yield Unreadable(f"the line is longer than {MAX_LINE_BYTES} bytes")
            else:
                yield line.removesuffix(b"\n")

    def position(self) -> int:
        return self._raw.tell()


class _ParquetRows(_Source):
    """Each row as the line of JSON that says the same; what is null is left out."""

    def __init__(self, file: InputFile, text_column: str) -> None:
        super().__init__(file)
        self._file = file
        self._text_column = text_column
        self._share = 0.0

    def _records(self) -> Iterator[Record]:
        table = parquet.ParquetFile(self._raw)
        names = {"text" if name == self._text_column else name: name for name in self._names(table)}
        rows_read = 0
        for batch in table.iter_batches(
            _ROWS_AT_ONCE, columns=list(names.values()), use_threads=False
        ):
            for row in _rows(batch):
                rows_read += 1
                self._share = rows_read / table.metadata.num_rows
                yield _line(row, names)

    def _names(self, table: parquet.ParquetFile) -> List[str]:
        there = table.schema_arrow.names
        wanted = [self._text_column if name == "text" else name for name in _COLUMNS]
        names = [name for name in wanted if name in there]
        if not {self._text_column, *_TEXT_COLUMNS[1:]} & {*names}:
            raise CorpusError(
                f"{self._file.path}: there is no column {self._text_column!r}, 'tokens' or "
                f"'sentences', but {', '.join(map(repr, there))}; --text-column names the column "
                "that holds the text"
            )
        return names

    def position(self) -> int:
        return int(self._share * self._file.size)


def _rows(batch: pyarrow.RecordBatch) -> Iterator[Optional[Dict[str, Any]]]:
    """The rows; none in place of one that holds text that is not UTF-8."""
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError:
        if batch.num_rows == 1:
            yield None
        else:
            for place in range(batch.num_rows):
                yield from _rows(batch.slice(place, 1))


def _line(row: Optional[Dict[str, Any]], names: Dict[str, str]) -> Record:
    """What a row says, as a line of JSON; `names` has the column of each field."""
    unreadable = Unreadable("the row holds bytes that are not UTF-8")
    if row is None:
        return unreadable
    fields = {name: row[column] for name, column in names.items()}
    given = {name: value for name, value in fields.items() if value is not None}
    try:
        return json.dumps(given, default=_plain).encode()
    except UnicodeDecodeError:
        return unreadable


def _plain(value: Any) -> str:
    # Columns of text that do not say that they are text come as bytes.
    return value.decode() if isinstance(value, bytes) else str(value)
