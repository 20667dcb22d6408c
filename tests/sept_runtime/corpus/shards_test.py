import gzip
import json
import os
from pathlib import Path
from typing import Any, List, Optional

import pyarrow
import pytest
from pyarrow import parquet

from sept_runtime.corpus import formats, shards
from sept_runtime.corpus.inputs import InputFile
from sept_runtime.corpus.shards import ShardLines, read_shards
from sept_runtime.errors import CorpusError


def compressed(content: bytes, suffix: str) -> bytes:
    if suffix == ".gz":
        return gzip.compress(content)
    if suffix == ".zst":
        target = pyarrow.BufferOutputStream()
        with pyarrow.CompressedOutputStream(target, "zstd") as stream:
            stream.write(content)
        return target.getvalue().to_pybytes()
    return content


def read(path: Path, lines_per_shard: int = 2, **options: Any) -> List[ShardLines]:
    return list(read_shards(InputFile.at(path), 7, lines_per_shard, **options))


def written(tmp_path: Path, content: bytes, name: str = "in.jsonl") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_file_is_cut_into_shards(tmp_path: Path, suffix: str, end: bytes) -> None:
    content = compressed(b"one\n\nthr\xe9e\r\nfour\nfive" + end, suffix)
    found = read(written(tmp_path, content, f"in.jsonl{suffix}"))
    assert [one.lines for one in found] == [[b"one", b""], [b"thr\xe9e\r", b"four"], [b"five"]]
    assert [one.shard.name for one in found] == [f"000007-00000{number}" for number in range(3)]
    assert [one.shard.first_line for one in found] == [1, 3, 5]
    assert [one.shard.num_lines for one in found] == [2, 2, 1]
    assert [one.shard.last for one in found] == [False, False, True]
    assert sum(one.shard.num_bytes for one in found) == len(content)
    assert all(one.unreadable == {} for one in found)


def test_a_file_of_whole_shards_has_no_empty_one(tmp_path: Path) -> None:
    found = read(written(tmp_path, b"1\n2\n3\n4\n"))
    assert [one.lines for one in found] == [[b"1", b"2"], [b"3", b"4"]]
    assert [one.shard.last for one in found] == [False, True]


def test_an_empty_file_has_a_shard_without_lines(tmp_path: Path) -> None:
    (found,) = read(written(tmp_path, b""))
    assert (found.lines, found.shard.num_lines, found.shard.last) == ([], 0, True)


def test_blank_lines_at_the_end_are_no_documents(tmp_path: Path) -> None:
    (found,) = read(written(tmp_path, b"1\n\n \n4\n\n  \n\n"), lines_per_shard=10)
    assert found.lines == [b"1", b"", b"", b"4"]
    assert found.shard.num_lines == 4


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_compressed_files_may_be_concatenated(tmp_path: Path, suffix: str) -> None:
    content = compressed(b"1\n2\n", suffix) + compressed(b"3\n", suffix)
    (found,) = read(written(tmp_path, content, f"in.jsonl{suffix}"), lines_per_shard=10)
    assert found.lines == [b"1", b"2", b"3"]


def test_finished_shards_are_skipped(tmp_path: Path) -> None:
    path = written(tmp_path, b"1\n2\n3\n4\n5\n6\n")
    everything = read(path)
    rest = read(path, done={0, 2})
    assert [one.shard for one in rest] == [everything[1].shard]
    assert [one.lines for one in rest] == [everything[1].lines]


def test_long_documents_make_shorter_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "MAX_SHARD_BYTES", 5)
    found = read(written(tmp_path, b"123\n456\n789\n1\n"), lines_per_shard=100)
    assert [one.lines for one in found] == [[b"123", b"456"], [b"789", b"1"]]


def test_a_very_long_line_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "MAX_LINE_BYTES", 4)
    (found,) = read(written(tmp_path, b"123\n" + b"x" * 11 + b"\nend"), lines_per_shard=9)
    assert found.lines == [b"123", b"", b"end"]
    assert found.unreadable == {1: "the line is longer than 4 bytes"}


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@pytest.mark.parametrize("damage", ["cut off", "garbage"])
def test_damage_is_an_unreadable_line(tmp_path: Path, suffix: str, damage: str) -> None:
    lines = b"".join(b"line %d\n" % number for number in range(50_000))
    content = compressed(lines, suffix)
    content = content[:-20] if damage == "cut off" else content + b"garbage!"
    found = read(written(tmp_path, content, f"in.jsonl{suffix}"), lines_per_shard=10**6)
    (one,) = found
    assert one.lines[0] == b"line 0"
    assert one.shard.num_lines == len(one.lines)
    ((index, reason),) = one.unreadable.items()
    assert index == len(one.lines) - 1
    assert "the file is damaged" in reason


def parquet_file(tmp_path: Path, **columns: Any) -> Path:
    path = tmp_path / "in.parquet"
    parquet.write_table(pyarrow.table(columns), path)
    return path


def objects(found: List[ShardLines]) -> List[Any]:
    return [json.loads(line) for one in found for line in one.lines]


def test_rows_of_parquet_are_lines(tmp_path: Path) -> None:
    path = parquet_file(
        tmp_path, id=[1, 2, 3], text=["One.", None, "Three."], tokens=[None, ["a", "b"], None]
    )
    found = read(path)
    assert objects(found) == [
        {"id": 1, "text": "One.", "tokens": None},
        {"id": 2, "text": None, "tokens": ["a", "b"]},
        {"id": 3, "text": "Three.", "tokens": None},
    ]
    assert [one.shard.first_line for one in found] == [1, 3]
    assert sum(one.shard.num_bytes for one in found) == path.stat().st_size


def test_text_in_a_column_of_bytes_is_text(tmp_path: Path) -> None:
    path = parquet_file(tmp_path, id=["a", "b"], text=[b"We \xc3\xa4.", b"\xff"])
    (found,) = read(path)
    assert json.loads(found.lines[0]) == {"id": "a", "text": "We ä."}
    assert found.unreadable == {1: "the row contains bytes that are not UTF-8"}


def test_a_row_that_is_not_utf8_is_one_error(tmp_path: Path) -> None:
    values = pyarrow.array([b"One.", b"\xff", b"Three."]).view(pyarrow.string())
    (found,) = read(parquet_file(tmp_path, text=values), lines_per_shard=4)
    assert [line and json.loads(line)["text"] for line in found.lines] == ["One.", b"", "Three."]
    assert found.unreadable == {1: "the row contains bytes that are not UTF-8"}


CSV = b'id,abstract\n1,"One,\nand more."\n2,Two.\n\n3,Three.\n'


def test_records_are_lines_with_the_numbers_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, gzip.compress(CSV), "in.csv.gz")
    found = read(path)
    assert objects(found) == [
        {"id": "1", "abstract": "One,\nand more."},
        {"id": "2", "abstract": "Two."},
        {"id": "3", "abstract": "Three."},
    ]
    assert [(one.format, one.shard.first_line, one.numbers) for one in found] == [
        ("csv", 1, [3, 4]),
        ("csv", 3, [6]),
    ]
    assert [found[0].number(1), found[1].number(0)] == [4, 6]
    assert sum(one.shard.num_bytes for one in found) == path.stat().st_size
    rest = read(path, done={0})
    assert [(one.shard, one.lines) for one in rest] == [(found[1].shard, found[1].lines)]


def test_records_before_the_damage_are_kept(tmp_path: Path) -> None:
    article = b"<PubmedArticle><PMID>%d</PMID></PubmedArticle>"
    content = b"<PubmedArticleSet>" + article % 1 + article % 2 + b"<PubmedArt"
    (found,) = read(written(tmp_path, content, "in.xml"), lines_per_shard=9)
    assert [line and json.loads(line) for line in found.lines] == [
        {"pmid": "1"},
        {"pmid": "2"},
        b"",
    ]
    assert "the file is damaged" in found.unreadable[2] and "not valid XML" in found.unreadable[2]


def test_a_format_may_be_given(tmp_path: Path) -> None:
    path = written(tmp_path, b"One.\nTwo.\n", "in.log")
    (found,) = read(path, format="text", one_per_line=True)
    assert objects([found]) == [{"id": "in-1", "text": "One."}, {"id": "in-2", "text": "Two."}]


def test_a_file_that_is_not_parquet_is_damaged(tmp_path: Path) -> None:
    (found,) = read(written(tmp_path, b"not parquet at all", "in.parquet"))
    assert found.lines == [b""]
    assert "the file is damaged" in found.unreadable[0]


def test_a_file_that_changes_during_the_run_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, b"1\n2\n3\n")
    reading = read_shards(InputFile.at(path), 0, lines_per_shard=2)
    assert next(reading).lines == [b"1", b"2"]
    os.utime(path, (0, 0))
    with pytest.raises(CorpusError, match="has changed"):
        next(reading)


def test_a_file_is_read_lazily(tmp_path: Path) -> None:
    path = written(tmp_path, b"".join(b"%d\n" % number for number in range(200_000)))
    reading = read_shards(InputFile.at(path), 0, lines_per_shard=10)
    first: Optional[ShardLines] = next(reading)
    assert first is not None and first.shard.num_bytes < path.stat().st_size / 4
    reading.close()
