"""Read documents from and write predictions to JSON lines and Parquet files."""

import gzip
import io
import json
from dataclasses import replace
from functools import cache
from typing import (
    TYPE_CHECKING,
    Any,
    BinaryIO,
    Callable,
    Dict,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Type,
    Union,
)

import zstandard

from sept_runtime.corpus.inputs import PARQUET_SUFFIX, InputFile
from sept_runtime.documents import DocumentError
from sept_runtime.errors import CorpusError
from sept_runtime.formats.files import DamagedInputError, decompressed
from sept_runtime.formats.json_lines import parse_line
from sept_runtime.tokenization.words import without_surrogates

if TYPE_CHECKING:
    import pyarrow
    from pyarrow import parquet

    from sept_runtime.corpus.shards import ShardLines

# A longer line is skipped without being held in memory, and reported as unreadable.
MAX_LINE_BYTES = 256 * 2**20

# The suffixes of output files.
FORMATS = {"jsonl": ".jsonl", "parquet": PARQUET_SUFFIX}
# The suffix of a compressed JSONL file, and Parquet's name for the codec.
COMPRESSIONS = {"gz": (".gz", "gzip"), "zst": (".zst", "zstd"), "none": ("", "none")}

# Small, because documents take many times as much memory as objects than in a file.
_ROWS_PER_BATCH = 256

# The columns of a Parquet file that prediction uses.
_COLUMNS = ("id", "doc_key", "title", "text", "tokens", "sentences")
_TEXT_COLUMNS = _COLUMNS[3:]


@cache
def schema() -> "pyarrow.Schema":
    """
    Return the columns of a Parquet file of predictions.

    They are the fields of `sept predict`'s output without `predicted_ner` and `predicted_relations`
    (which repeat `entities` and `relations`), `ner` and `gold_relations` (which do not fit into
    columns), and `format_version` and `symmetric_relation_labels` (which are the same in all rows).
    `relations` is null if the model finds none. A numeric `id` is written as its digits.
    """
    # An extra. The plugin's modules must be importable without it.
    import pyarrow

    string, integer, score = pyarrow.string(), pyarrow.int32(), pyarrow.float32()
    labels = pyarrow.list_(pyarrow.struct({"label": string, "score": score}))
    entity = pyarrow.struct(
        {
            "text": string,
            "label": string,
            "score": score,
            "start": integer,
            "end": integer,
            "start_word": integer,
            "end_word": integer,
            "labels": labels,
        }
    )
    relation = pyarrow.struct({"head": integer, "tail": integer, "label": string, "score": score})
    return pyarrow.schema(
        {
            "id": string,
            "doc_key": string,
            "title": string,
            "text": string,
            "sentences": pyarrow.list_(pyarrow.list_(string)),
            "word_offsets": pyarrow.list_(pyarrow.list_(integer)),
            "entities": pyarrow.list_(entity),
            "relations": pyarrow.list_(relation),
        }
    )


class Unreadable(NamedTuple):
    """A line, or the rest of a file, that could not be read."""

    reason: str


Line = Union[bytes, Unreadable]


def open_lines(file: InputFile, text_column: Optional[str] = None) -> "Lines":
    """
    Open an input file.

    # Parameters

    file : `InputFile`
    text_column : `str`, optional (default = `"text"`)
        The column of a Parquet file that has the raw text.
    """
    if file.path.endswith(PARQUET_SUFFIX):
        return _ParquetRows(file, text_column or "text")
    return _JsonLines(file)


class Lines:
    """Base class for open input files: an iterable of lines, each a document."""

    # Errors that say that the file is damaged.
    _damage: Tuple[Type[Exception], ...] = (DamagedInputError,)

    def __init__(self, file: InputFile) -> None:
        self._raw: BinaryIO = open(file.path, "rb")

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *error: Any) -> None:
        self._raw.close()

    def __iter__(self) -> Iterator[Line]:
        try:
            yield from self._lines()
        except self._damage as error:
            yield Unreadable(f"the file is damaged, nothing can be read from here on ({error})")
        except OSError as error:
            # Errors of the system have a number: the file may be intact, and the same command can
            # try again. Parquet's have none.
            if error.errno is not None:
                raise
            yield Unreadable(f"the file is damaged, nothing can be read from here on ({error})")

    def _lines(self) -> Iterator[Line]:
        raise NotImplementedError

    def position(self) -> int:
        """Return roughly how many of the file's bytes have been read."""
        raise NotImplementedError


class _JsonLines(Lines):
    def __init__(self, file: InputFile) -> None:
        super().__init__(file)
        self._stream = decompressed(self._raw, file.path)

    def _lines(self) -> Iterator[Line]:
        # A blank line at the end of a file is not a document.
        num_blank = 0
        while line := self._stream.readline(MAX_LINE_BYTES):
            if not line.strip() and len(line) < MAX_LINE_BYTES:
                num_blank += 1
                continue
            yield from (b"" for _ in range(num_blank))
            num_blank = 0
            if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
                while line and not line.endswith(b"\n"):
                    line = self._stream.readline(MAX_LINE_BYTES)
                yield Unreadable(f"the line is longer than {MAX_LINE_BYTES} bytes")
            else:
                yield line.removesuffix(b"\n")

    def position(self) -> int:
        return self._raw.tell()


class _ParquetRows(Lines):
    """A Parquet file, with each row as a JSON object without its null columns."""

    def __init__(self, file: InputFile, text_column: str) -> None:
        import pyarrow

        super().__init__(file)
        self._damage = (*self._damage, pyarrow.ArrowException)
        self._file = file
        self._text_column = text_column
        self._share = 0.0

    def _lines(self) -> Iterator[Line]:
        from pyarrow import parquet

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

    def _names(self, table: "parquet.ParquetFile") -> List[str]:
        there = table.schema_arrow.names
        wanted = [self._text_column if name == "text" else name for name in _COLUMNS]
        names = [name for name in wanted if name in there]
        if not {self._text_column, *_TEXT_COLUMNS[1:]} & {*names}:
            raise CorpusError(
                f"{self._file.path} has no column {self._text_column!r}, 'tokens' or 'sentences', "
                f"only {', '.join(map(repr, there))}. Name the column that has the text by "
                "--text-column."
            )
        return names

    def position(self) -> int:
        return int(self._share * self._file.size)


def _rows(batch: "pyarrow.RecordBatch") -> Iterator[Optional[Dict[str, Any]]]:
    """Yield the rows, and `None` for a row with text that is not UTF-8."""
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError:
        if batch.num_rows == 1:
            yield None
        else:
            for index in range(batch.num_rows):
                yield from _rows(batch.slice(index, 1))


def _line(row: Optional[Dict[str, Any]], names: Dict[str, str]) -> Line:
    """Convert a row to a line of JSON. `names` maps fields to columns."""
    unreadable = Unreadable("the row contains bytes that are not UTF-8")
    if row is None:
        return unreadable
    fields = {name: row[column] for name, column in names.items()}
    given = {name: value for name, value in fields.items() if value is not None}
    try:
        return json.dumps(given, default=_plain).encode()
    except UnicodeDecodeError:
        return unreadable


def _plain(value: Any) -> str:
    # Text in columns of type binary.
    return value.decode() if isinstance(value, bytes) else str(value)


def with_text_field(lines: "ShardLines", file: InputFile, name: str) -> "ShardLines":
    """
    Rename a field of JSON lines to `text`.

    A line that has neither the field nor words becomes unreadable. The columns of Parquet files are
    renamed when they are read.
    """
    if name == "text" or file.path.endswith(PARQUET_SUFFIX):
        return lines
    unreadable = dict(lines.unreadable)
    renamed = [_with_text_field(line, name) for line in lines.lines]
    for index, line in enumerate(renamed):
        if isinstance(line, Unreadable):
            unreadable.setdefault(index, line.reason)
    readable = [b"" if isinstance(line, Unreadable) else line for line in renamed]
    return replace(lines, lines=readable, unreadable=unreadable)


def _with_text_field(line: bytes, name: str) -> Line:
    try:
        fields = parse_line(line)
    except DocumentError:
        # Prediction reports it.
        return line
    if not isinstance(fields, dict):
        return line
    fields.pop("text", None)
    text = fields.pop(name, None)
    if text is not None:
        fields["text"] = text
    elif all(fields.get(words) is None for words in _TEXT_COLUMNS[1:]):
        return Unreadable(f"the document has no field {name!r} (--text-column)")
    return json.dumps(fields).encode()


def suffix(format: str, compression: str) -> str:
    """Return the suffix of output files."""
    return FORMATS[format] + (COMPRESSIONS[compression][0] if format == "jsonl" else "")


def encode(lines: Sequence[str], format: str, compression: str) -> bytes:
    """
    Encode predicted documents as the content of an output file.

    Deterministic: the same documents give the same bytes.

    # Parameters

    lines : `Sequence[str]`
        As `sept predict` writes them.
    format, compression : `str`
        Keys of `FORMATS` and `COMPRESSIONS`.
    """
    codec = COMPRESSIONS[compression][1]
    if format == "parquet":
        return _parquet(lines, codec)
    content = "".join(lines).encode()
    return _COMPRESS[codec](content)


def _gzip(content: bytes) -> bytes:
    # Without the time of day. Higher levels take much more time for slightly smaller files.
    return gzip.compress(content, compresslevel=6, mtime=0)


def _zstd(content: bytes) -> bytes:
    # As a stream: to read a block, readers would have to know its size.
    compressor = zstandard.ZstdCompressor().compressobj()
    return compressor.compress(content) + compressor.flush()


_COMPRESS: Dict[str, Callable[[bytes], bytes]] = {"gzip": _gzip, "zstd": _zstd, "none": bytes}


def _parquet(lines: Sequence[str], codec: str) -> bytes:
    import pyarrow
    from pyarrow import parquet

    target = io.BytesIO()
    with parquet.ParquetWriter(target, schema(), compression=codec) as writer:
        for start in range(0, len(lines), _ROWS_PER_BATCH):
            rows = [_row(json.loads(line)) for line in lines[start : start + _ROWS_PER_BATCH]]
            writer.write_table(pyarrow.Table.from_pylist(rows, schema()))
    return target.getvalue()


def _row(output: Dict[str, Any]) -> Dict[str, Any]:
    row = {name: _encodable(output[name]) for name in schema().names if name in output}
    identifier = row.get("id")
    if identifier is not None and not isinstance(identifier, str):
        row["id"] = json.dumps(identifier)
    return row


def _encodable(value: Any) -> Any:
    """Replace lone surrogates, which JSON can express and Parquet cannot."""
    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    if isinstance(value, dict):
        return {name: _encodable(item) for name, item in value.items()}
    return value
