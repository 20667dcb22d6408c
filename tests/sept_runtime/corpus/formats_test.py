import gzip
import io
import json
from typing import Any, Dict

import pyarrow
import pytest
from pyarrow import parquet

from sept_runtime.corpus.formats import encode, schema, suffix
from sept_runtime.formats.json_lines import dump_line

DOCUMENT: Dict[str, Any] = {
    "id": 5,
    "doc_key": "5",
    "text": "A parser.",
    "sentences": [["A", "parser", "."]],
    "word_offsets": [[0, 1], [2, 8], [8, 9]],
    "entities": [
        {
            "text": "parser",
            "label": "Method",
            "score": 0.5,
            "start": 2,
            "end": 8,
            "start_word": 1,
            "end_word": 1,
        }
    ],
    "predicted_ner": [[[1, 1, "Method"]]],
}
LINES = [dump_line(DOCUMENT), dump_line({**DOCUMENT, "id": "b\u00e9", "entities": []})]


def test_suffixes_name_format_and_compression() -> None:
    assert suffix("jsonl", "gz") == ".jsonl.gz"
    assert suffix("jsonl", "zst") == ".jsonl.zst"
    assert suffix("jsonl", "none") == ".jsonl"
    assert suffix("parquet", "zst") == ".parquet"


def test_json_lines_are_written_as_they_are() -> None:
    content = "".join(LINES).encode()
    assert encode(LINES, "jsonl", "none") == content
    assert gzip.decompress(encode(LINES, "jsonl", "gz")) == content
    packed = pyarrow.BufferReader(encode(LINES, "jsonl", "zst"))
    assert pyarrow.CompressedInputStream(packed, "zstd").read() == content


@pytest.mark.parametrize("compression", ["gz", "zst", "none"])
def test_parquet_has_the_fields_as_columns(compression: str) -> None:
    table = parquet.read_table(io.BytesIO(encode(LINES, "parquet", compression)))
    first, second = table.to_pylist()
    for name in ("doc_key", "text", "sentences", "word_offsets"):
        assert first[name] == DOCUMENT[name]
    absent = dict.fromkeys(["field", "field_start", "field_end", "labels"])
    assert first["entities"] == [{**DOCUMENT["entities"][0], **absent}]
    assert (first["id"], second["id"]) == ("5", "b\u00e9")
    assert second["entities"] == []
    assert first["title"] is None


def test_relations_are_null_in_parquet_if_the_model_finds_none() -> None:
    relations = [{"head": 1, "tail": 0, "label": "USED-FOR", "score": 0.25}]
    found = {**DOCUMENT, "relations": relations, "predicted_relations": [[]]}
    nothing = {**found, "relations": [], "gold_relations": [[[1, 1, 2, 2, "X"]]]}
    lines = [LINES[0], dump_line(found), dump_line(nothing)]
    table = parquet.read_table(io.BytesIO(encode(lines, "parquet", "none")))
    assert table["relations"].to_pylist() == [None, relations, []]


def test_a_lone_surrogate_is_replaced_in_parquet() -> None:
    line = dump_line({**DOCUMENT, "text": "A \ud800."})
    (row,) = parquet.read_table(io.BytesIO(encode([line], "parquet", "none"))).to_pylist()
    assert row["text"] == "A \ufffd."


def test_parquet_says_whether_an_entity_is_in_the_title() -> None:
    entity = {**DOCUMENT["entities"][0], "field": "title", "field_start": 2, "field_end": 8}
    line = json.dumps({**DOCUMENT, "entities": [entity]})
    (row,) = parquet.read_table(io.BytesIO(encode([line], "parquet", "none"))).to_pylist()
    assert row["entities"] == [{**entity, "labels": None}]


def test_parquet_has_labels_with_scores() -> None:
    labels = [{"label": "Method", "score": 0.5}, {"label": "Task", "score": 0.25}]
    entity = {**DOCUMENT["entities"][0], "labels": labels}
    line = json.dumps({**DOCUMENT, "entities": [entity]})
    (row,) = parquet.read_table(io.BytesIO(encode([line], "parquet", "none"))).to_pylist()
    assert row["entities"][0]["labels"] == labels


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
@pytest.mark.parametrize("compression", ["gz", "zst", "none"])
def test_the_same_documents_give_the_same_bytes(format: str, compression: str) -> None:
    assert encode(LINES, format, compression) == encode(LINES, format, compression)


def test_an_empty_file_can_be_read() -> None:
    assert gzip.decompress(encode([], "jsonl", "gz")) == b""
    table = parquet.read_table(io.BytesIO(encode([], "parquet", "gz")))
    assert table.num_rows == 0
    assert table.schema.names == schema().names
