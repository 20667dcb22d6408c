from sept_runtime.corpus.output_folder import ShardRecord
from sept_runtime.corpus.progress import Progress, duration
from sept_runtime.corpus.shards import Shard


def record(
    number: int, documents: int, failed: int, num_bytes: int, started: float = 0.0
) -> ShardRecord:
    shard = Shard(0, number, 1, documents, num_bytes, last=False)
    return ShardRecord(shard, documents - failed, failed, 0, 0, {}, started)


def test_speed_and_remaining_time_are_those_of_this_run() -> None:
    now = 1000.0
    progress = Progress(total_bytes=10_000, done=[record(0, 80, 1, 4_000)], clock=lambda: now)
    now = 1050.0
    # The model was loaded after 40 seconds.
    progress.add(record(1, documents=30, failed=0, num_bytes=1_500, started=1042.0))
    progress.add(record(2, documents=30, failed=2, num_bytes=1_500, started=1040.0))
    # Shards of an earlier run, and repeated records, do not count.
    progress.add(record(0, documents=80, failed=1, num_bytes=4_000, started=900.0))
    progress.add(record(1, documents=30, failed=0, num_bytes=1_500, started=1042.0))
    # 6 documents and 300 bytes a second; 3,000 bytes are left.
    assert str(progress) == (
        "60 documents (2 failed), 6.0 a second, 70.0% of the input done, about 10 s left"
    )


def test_there_is_no_remaining_time_before_the_first_shard() -> None:
    assert str(Progress(100, [record(0, 5, 0, 50)], clock=lambda: 0.0)) == (
        "0 documents, 0.0 a second, 50.0% of the input done"
    )
    assert str(Progress(0, [], clock=lambda: 0.0)).endswith("100.0% of the input done")


def test_durations_have_two_units() -> None:
    assert [duration(seconds) for seconds in (0.4, 59.4, 60, 3_599, 3_600, 90_061, 2_000_000)] == [
        "0 s",
        "59 s",
        "1 min 0 s",
        "59 min 59 s",
        "1 h 0 min",
        "1 d 1 h",
        "23 d 3 h",
    ]
