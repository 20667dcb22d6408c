"""JSON lines and Parquet, compressed or not: how documents are read, and how predictions look."""

import gzip
import io
import json
import zlib
from typing import (
    Any,
    BinaryIO,
    Callable,
    Dict,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Union,
)

import pyarrow
from pyarrow import parquet

from sept_runtime.corpus.inputs import (
    GZIP_SUFFIX,
    PARQUET_SUFFIX,
    ZSTD_SUFFIX,
    CorpusError,
    InputFile,
)
from sept_runtime.tokenization.words import without_surrogates

# A longer line is no document; it is passed over without being held.
MAX_LINE_BYTES = 256 * 2**20

# Per format the end of its files' names.
FORMATS = {"jsonl": ".jsonl", "parquet": PARQUET_SUFFIX}
# Per compression the end of a JSONL file's name, and what Parquet, compressed inside, calls it.
COMPRESSIONS = {"gz": (GZIP_SUFFIX, "gzip"), "zst": (ZSTD_SUFFIX, "zstd"), "none": ("", "none")}

# As objects, documents are many times as large as in a file.
_ROWS_PER_BATCH = 256

# The columns of a Parquet file that prediction knows what to do with.
_COLUMNS = ("id", "doc_key", "title", "text", "tokens", "sentences")
_TEXT_COLUMNS = _COLUMNS[3:]

_LABELS = pyarrow.list_(pyarrow.struct({"label": pyarrow.string(), "score": pyarrow.float32()}))
_ENTITY = pyarrow.struct(
    {
        "text": pyarrow.string(),
        "label": pyarrow.string(),
        "score": pyarrow.float32(),
        "start": pyarrow.int32(),
        "end": pyarrow.int32(),
        "start_word": pyarrow.int32(),
        "end_word": pyarrow.int32(),
        "labels": _LABELS,
    }
)
_RELATION = pyarrow.struct(
    {
        "head": pyarrow.int32(),
        "tail": pyarrow.int32(),
        "label": pyarrow.string(),
        "score": pyarrow.float32(),
    }
)
SCHEMA = pyarrow.schema(
    {
        "id": pyarrow.string(),
        "doc_key": pyarrow.string(),
        "title": pyarrow.string(),
        "text": pyarrow.string(),
        "sentences": pyarrow.list_(pyarrow.list_(pyarrow.string())),
        "word_offsets": pyarrow.list_(pyarrow.list_(pyarrow.int32())),
        "entities": pyarrow.list_(_ENTITY),
        "relations": pyarrow.list_(_RELATION),
    }
)
"""
The columns of a Parquet file of predictions. They are the fields of `allennlp predict`'s output,
but for `predicted_ner` and `predicted_relations`, which say once more what `entities` and
`relations` say, and `ner` and `gold_relations`, none of which fits into columns, and for
`format_version` and `symmetric_relation_labels`, which are the same in all rows. `relations` is
null where the model knows of none. An `id` that is a number is written as its digits.
"""


class Unreadable(NamedTuple):
    """A line, or the rest of a file, that could not even be read."""

    reason: str


Line = Union[bytes, Unreadable]


def open_lines(file: InputFile, text_column: Optional[str] = None) -> "Lines":
    """
    Opens a file to read its documents.

    # Parameters

    file : `InputFile`
    text_column : `str`, optional (default = `"text"`)
        The column of a Parquet file that holds the raw text.
    """
    if file.path.endswith(PARQUET_SUFFIX):
        return _ParquetRows(file, text_column or "text")
    return _JsonLines(file)


class Lines:
    """The lines of an open file, each a document."""

    def __init__(self, file: InputFile) -> None:
        self._raw: BinaryIO = open(file.path, "rb")

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *error: Any) -> None:
        self._raw.close()

    def __iter__(self) -> Iterator[Line]:
        try:
            yield from self._lines()
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

    def _lines(self) -> Iterator[Line]:
        raise NotImplementedError

    def position(self) -> int:
        """Says how many of the file's bytes have been read, about."""
        raise NotImplementedError


class _JsonLines(Lines):
    def __init__(self, file: InputFile) -> None:
        super().__init__(file)
        self._stream: BinaryIO = self._raw
        if file.path.endswith(GZIP_SUFFIX):
            self._stream = gzip.open(self._raw)  # type: ignore[assignment]
        elif file.path.endswith(ZSTD_SUFFIX):
            stream = pyarrow.CompressedInputStream(self._raw, "zstd")
            self._stream = io.BufferedReader(stream)

    def _lines(self) -> Iterator[Line]:
        while line := self._stream.readline(MAX_LINE_BYTES):
            if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
                while line and not line.endswith(b"\n"):
                    line = self._stream.readline(MAX_LINE_BYTES)
                yield Unreadable(f"the line is longer than {MAX_LINE_BYTES} bytes")
            else:
                yield line.removesuffix(b"\n")

    def position(self) -> int:
        return self._raw.tell()


class _ParquetRows(Lines):
    """Each row as the line of JSON that says the same; what is null is left out."""

    def __init__(self, file: InputFile, text_column: str) -> None:
        super().__init__(file)
        self._file = file
        self._text_column = text_column
        self._share = 0.0

    def _lines(self) -> Iterator[Line]:
        table = parquet.ParquetFile(self._raw)
        names = {"text" if name == self._text_column else name: name for name in self._names(table)}
        rows_read = 0
        for batch in table.iter_batches(
            _ROWS_PER_BATCH, columns=list(names.values()), use_threads=False
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
    """Gives the rows; none in place of one that holds text that is not UTF-8."""
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError:
        if batch.num_rows == 1:
            yield None
        else:
            for index in range(batch.num_rows):
                yield from _rows(batch.slice(index, 1))


def _line(row: Optional[Dict[str, Any]], names: Dict[str, str]) -> Line:
    """Says what a row says, as a line of JSON; `names` has the column of each field."""
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


def suffix(format: str, compression: str) -> str:
    """Gives the end of the name of a file in that format."""
    return FORMATS[format] + (COMPRESSIONS[compression][0] if format == "jsonl" else "")


def encode(lines: Sequence[str], format: str, compression: str) -> bytes:
    """
    Makes a file of documents as `allennlp predict` writes them. The same documents give the same
    bytes.
    """
    codec = COMPRESSIONS[compression][1]
    if format == "parquet":
        return _parquet(lines, codec)
    content = "".join(lines).encode()
    return _COMPRESS[codec](content)


def _gzip(content: bytes) -> bytes:
    # Without the time of day; at the level at which writing keeps up with many workers.
    return gzip.compress(content, compresslevel=6, mtime=0)


def _zstd(content: bytes) -> bytes:
    target = pyarrow.BufferOutputStream()
    # A stream and not a block, for which readers would have to know its size.
    with pyarrow.CompressedOutputStream(target, "zstd") as stream:
        stream.write(content)
    compressed: bytes = target.getvalue().to_pybytes()
    return compressed


_COMPRESS: Dict[str, Callable[[bytes], bytes]] = {"gzip": _gzip, "zstd": _zstd, "none": bytes}


def _parquet(lines: Sequence[str], codec: str) -> bytes:
    target = io.BytesIO()
    with parquet.ParquetWriter(target, SCHEMA, compression=codec) as writer:
        for start in range(0, len(lines), _ROWS_PER_BATCH):
            rows = [_row(json.loads(line)) for line in lines[start : start + _ROWS_PER_BATCH]]
            writer.write_table(pyarrow.Table.from_pylist(rows, SCHEMA))
    return target.getvalue()


def _row(output: Dict[str, Any]) -> Dict[str, Any]:
    row = {name: _whole(output[name]) for name in SCHEMA.names if name in output}
    identifier = row.get("id")
    if identifier is not None and not isinstance(identifier, str):
        row["id"] = json.dumps(identifier)
    return row


def _whole(value: Any) -> Any:
    """Gives the value without halves of characters, which JSON can hold and Parquet cannot."""
    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    return value
