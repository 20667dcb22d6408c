"""How annotated documents look in a file."""

import gzip
import io
import json
from typing import Any, Callable, Dict, Sequence

import pyarrow
from pyarrow import parquet

from sept_runtime.words import without_surrogates

# Per format the end of its files' names.
FORMATS = {"jsonl": ".jsonl", "parquet": ".parquet"}
# Per compression the end of a JSONL file's name, and what Parquet, compressed inside, calls it.
COMPRESSIONS = {"gz": (".gz", "gzip"), "zst": (".zst", "zstd"), "none": ("", "none")}

_ROWS_AT_ONCE = 256

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
SCHEMA = pyarrow.schema(
    {
        "id": pyarrow.string(),
        "doc_key": pyarrow.string(),
        "title": pyarrow.string(),
        "text": pyarrow.string(),
        "sentences": pyarrow.list_(pyarrow.list_(pyarrow.string())),
        "word_offsets": pyarrow.list_(pyarrow.list_(pyarrow.int32())),
        "entities": pyarrow.list_(_ENTITY),
    }
)
"""
The columns of a Parquet shard. They are the fields of `allennlp predict`'s output, but for
`predicted_ner`, which says once more what `entities` says, and `ner`; neither fits into columns. An
`id` that is a number is written as its digits.
"""


def suffix(format: str, compression: str) -> str:
    """The end of the name of a shard in that format."""
    return FORMATS[format] + (COMPRESSIONS[compression][0] if format == "jsonl" else "")


def encode(lines: Sequence[str], format: str, compression: str) -> bytes:
    """
    A file of documents as `allennlp predict` writes them. The same documents give the same bytes.
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
    return target.getvalue().to_pybytes()


_COMPRESS: Dict[str, Callable[[bytes], bytes]] = {"gzip": _gzip, "zstd": _zstd, "none": bytes}


def _parquet(lines: Sequence[str], codec: str) -> bytes:
    target = io.BytesIO()
    with parquet.ParquetWriter(target, SCHEMA, compression=codec) as writer:
        # As objects, documents are many times as large.
        for start in range(0, len(lines), _ROWS_AT_ONCE):
            rows = [_row(json.loads(line)) for line in lines[start : start + _ROWS_AT_ONCE]]
            writer.write_table(pyarrow.Table.from_pylist(rows, SCHEMA))
    return target.getvalue()


def _row(output: Dict[str, Any]) -> Dict[str, Any]:
    row = {name: _whole(output[name]) for name in SCHEMA.names if name in output}
    identifier = row.get("id")
    if identifier is not None and not isinstance(identifier, str):
        row["id"] = json.dumps(identifier)
    return row


def _whole(value: Any) -> Any:
    """The value without halves of characters, which JSON can hold and Parquet cannot."""
    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    return value
