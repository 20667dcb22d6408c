import json

from sept_runtime.corpus.records import Counts, ShardRecord, finished_shards
from sept_runtime.corpus.shards import Shard


def record(file: int, number: int, last: bool) -> ShardRecord:
    return ShardRecord(Shard(file, number, 1, 2, 5, last), 1, 1, 0, 0, {}, 0.0)


# Two shards of the first file, and the only one of the second.
FIRST, SECOND, THIRD = record(0, 0, False), record(0, 1, True), record(1, 0, True)


def test_what_is_left_to_do() -> None:
    assert finished_shards([], 2) == [set(), set()]
    assert finished_shards([FIRST, THIRD], 3) == [{0}, None, set()]
    assert finished_shards([SECOND], 1) == [{1}]
    assert finished_shards([FIRST, SECOND], 1) == [None]


def test_a_record_is_written_and_read_as_by_the_first_version() -> None:
    text = (
        '{"unit": {"file": 0, "number": 1, "first_line": 5, "num_lines": 4, "num_bytes": 465, '
        '"last": false}, "annotated": 3, "failed": 1, "shard_bytes": 1333, "error_bytes": 82, '
        '"seconds": {"reading": 0.5, "annotating": 2.5, "writing": 0.25}, "started": 1795571336.5}'
    )
    read = ShardRecord.from_json(text)
    assert read.shard == Shard(0, 1, first_line=5, num_lines=4, num_bytes=465, last=False)
    assert (read.annotated, read.failed, read.seconds["annotating"]) == (3, 1, 2.5)
    assert json.loads(read.to_json()) == json.loads(text)


def test_counts_are_a_sum() -> None:
    assert str(Counts(1204, 1200, 4, 2)) == "1,204 lines in = 1,200 annotated + 4 failed"
