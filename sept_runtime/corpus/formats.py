"""Read documents from files, and write predictions to JSON lines and Parquet files."""

import gzip
import io
import json
from functools import cache
from typing import (
    TYPE_CHECKING,
    Any,
    BinaryIO,
    Callable,
    Dict,
    Iterator,
    NamedTuple,
    Optional,
    Sequence,
    Union,
    cast,
)

from backports import zstd

from sept_runtime.corpus.inputs import InputFile
from sept_runtime.documents import DocumentError
from sept_runtime.errors import CorpusError
from sept_runtime.formats.files import decompressed
from sept_runtime.formats.records import MissingExtraError, read_file, recognize
from sept_runtime.tokenization.words import without_surrogates

if TYPE_CHECKING:
    import pyarrow

# A longer line is skipped without being held in memory, and reported as unreadable.
MAX_LINE_BYTES = 256 * 2**20

# The suffixes of output files.
FORMATS = {"jsonl": ".jsonl", "parquet": ".parquet"}
# The suffix of a compressed JSONL file, and Parquet's name for the codec.
COMPRESSIONS = {"gz": (".gz", "gzip"), "zst": (".zst", "zstd"), "none": ("", "none")}

# Small, because documents take many times as much memory as objects than in a file.
_ROWS_PER_BATCH = 256

_DAMAGED = "the file is damaged, nothing can be read from here on"


@cache
def schema() -> "pyarrow.Schema":
    """
    Return the columns of a Parquet file of predictions.

    They are the fields of `sept predict`'s output without `predicted_ner` and `predicted_relations`
    (which repeat `entities` and `relations`), `ner` and `gold_relations` (which do not fit into
    columns), and `format_version` and `symmetric_relation_labels` (which are the same in all rows).
    `relations` is null if the model finds none; an entity's `field`, `field_start` and `field_end`
    are null if titles are not annotated. A numeric `id` is written as its digits.
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
            "field": string,
            "field_start": integer,
            "field_end": integer,
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


class Line(NamedTuple):
    """
    A document of an input file.

    # Parameters

    number : `int`
        The number of its line in the file, or of the record.
    content : `Union[bytes, Unreadable]`
        A line of JSON lines as it is; of other files, the record as JSON.
    """

    number: int
    content: Union[bytes, Unreadable]


class Lines:
    """
    An open input file: an iterable of its documents.

    # Parameters

    file : `InputFile`
    format : `str`, optional (default = as recognized)
        See `sept_runtime.formats.records`.
    one_per_line : `bool`, optional (default = `False`)
        Each line of a text file is a document.
    """

    def __init__(
        self, file: InputFile, format: Optional[str] = None, one_per_line: bool = False
    ) -> None:
        self._path = file.path
        self._raw: BinaryIO = open(file.path, "rb")
        self._given = format
        self._one_per_line = one_per_line
        # Known when the first document is read.
        self.format = format or "jsonl"

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *error: Any) -> None:
        self._raw.close()

    def __iter__(self) -> Iterator[Line]:
        """Yield the documents, and one unreadable line for all that is damaged."""
        number = 0
        try:
            for line in self._lines():
                yield line
                number = line.number
        except MissingExtraError as error:
            raise CorpusError(str(error)) from None
        except DocumentError as error:
            yield Line(number + 1, Unreadable(f"{_DAMAGED} ({error})"))
        except OSError as error:
            # Errors of the system have a number: the file may be intact, and the same command can
            # try again. Parquet's have none.
            if error.errno is not None:
                raise
            yield Line(number + 1, Unreadable(f"{_DAMAGED} ({error})"))

    def _lines(self) -> Iterator[Line]:
        stream = decompressed(self._raw, self._path)
        assert isinstance(stream, io.BufferedReader)
        self.format = self._given or recognize(stream, self._path) or "jsonl"
        if self.format == "jsonl":
            yield from _json_lines(stream)
            return
        if self.format == "parquet":
            # Its end is read first.
            self._raw.seek(0)
            stream = cast(io.BufferedReader, self._raw)
        for record in read_file(stream, self._path, self.format, self._one_per_line):
            if record.error is None:
                yield Line(record.number, json.dumps(record.value).encode())
            else:
                yield Line(record.number, Unreadable(record.error))

    def position(self) -> int:
        """Return roughly how many of the file's bytes have been read."""
        return self._raw.tell()


def _json_lines(stream: BinaryIO) -> Iterator[Line]:
    # A blank line at the end of a file is not a document.
    number = num_blank = 0
    while line := stream.readline(MAX_LINE_BYTES):
        if not line.strip() and len(line) < MAX_LINE_BYTES:
            num_blank += 1
            continue
        for _ in range(num_blank):
            number += 1
            yield Line(number, b"")
        num_blank = 0
        number += 1
        if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = stream.readline(MAX_LINE_BYTES)
            yield Line(number, Unreadable(f"the line is longer than {MAX_LINE_BYTES} bytes"))
        else:
            yield Line(number, line.removesuffix(b"\n"))


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


_COMPRESS: Dict[str, Callable[[bytes], bytes]] = {
    "gzip": _gzip,
    "zstd": zstd.compress,
    "none": bytes,
}


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
