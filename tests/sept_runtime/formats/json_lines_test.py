import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sept_runtime.documents import DocumentError
from sept_runtime.formats.json_lines import dump_line, parse_line, read_json_lines

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
SCALAR = st.none() | st.booleans() | NUMBERS | st.text()
JSON = SCALAR | st.lists(SCALAR, max_size=3) | st.dictionaries(st.text(), SCALAR, max_size=3)


@given(JSON)
def test_an_object_is_written_as_one_line_and_read_back(value):
    line = dump_line(value).encode("utf-8")
    assert line.index(b"\n") == len(line) - 1
    assert parse_line(line) == value


def test_characters_are_escaped_only_if_a_file_cannot_hold_them():
    assert dump_line({"β": "\u2028"}) == '{"β": "\u2028"}\n'
    assert dump_line(["β", "\ud800"]) == '["\\u03b2", "\\ud800"]\n'


@pytest.mark.parametrize(
    "line, fault",
    [
        (b" \n", "the line is empty"),
        (b'{"a": }', "not valid JSON"),
        (b"[NaN]", "NaN is not a number in JSON"),
        (b"1e999", "1e999 is too large"),
        (b'"caf\xe9"', "not UTF-8 text"),
    ],
)
def test_a_bad_line_is_refused(line, fault):
    with pytest.raises(DocumentError, match=fault):
        parse_line(line)


def test_a_file_is_read_line_by_line(tmp_path):
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b"\xef\xbb\xbf[1]\r\n\n" + json.dumps({"a": None}).encode())
    assert list(read_json_lines(str(path))) == [
        (f"{path}, line 1", [1]),
        (f"{path}, line 3", {"a": None}),
    ]


def test_a_compressed_file_is_read_as_any_other(tmp_path):
    path = tmp_path / "values.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}\n\n[2]\n'))
    values = list(read_json_lines(str(path)))
    assert values == [(f"{path}, line 1", {"a": 1}), (f"{path}, line 3", [2])]


def test_a_damaged_compressed_file_is_refused_after_its_whole_lines(tmp_path):
    path = tmp_path / "values.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}\n' * 10_000)[:-10])
    read = []
    with pytest.raises(DocumentError, match=f"^{path}: the file is damaged after line") as caught:
        read.extend(read_json_lines(str(path)))
    assert len(read) > 9_000
    assert f"after line {len(read)} (" in str(caught.value) and "\n" not in str(caught.value)


def test_a_plain_file_with_the_name_of_a_compressed_one_is_read(tmp_path):
    path = tmp_path / "values.jsonl.gz"
    path.write_bytes(b'{"a": 1}\n')
    assert list(read_json_lines(str(path))) == [(f"{path}, line 1", {"a": 1})]
