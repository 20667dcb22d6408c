import contextlib
import threading
import time
from typing import Callable, Iterable, Iterator

from sept_runtime.corpus.output_folder import ShardRecord


class Progress:
    """
    The progress, speed and remaining time of a run.

    The time that workers take to load the model does not count.

    # Parameters

    total_bytes : `int`
        The size of all inputs.
    done : `Iterable[ShardRecord]`
        The records of shards that earlier runs finished.
    clock : `Callable[[], float]`, optional
        Returns the seconds since 1970.
    """

    def __init__(
        self, total_bytes: int, done: Iterable[ShardRecord], clock: Callable[[], float] = time.time
    ) -> None:
        self._total_bytes = total_bytes
        self._counted = {record.shard for record in done}
        self._before = self._done_bytes = sum(shard.num_bytes for shard in self._counted)
        self._documents = self._failed = 0
        self._clock = clock
        self._started = clock()

    def add(self, record: ShardRecord) -> None:
        """Count a finished shard, unless it is counted already."""
        shard = record.shard
        if shard in self._counted:
            return
        self._counted.add(shard)
        self._started = min(self._started, record.started) if self._documents else record.started
        self._documents += shard.num_lines
        self._failed += record.failed
        self._done_bytes += shard.num_bytes

    def __str__(self) -> str:
        elapsed = max(self._clock() - self._started, 1e-9)
        speed = (self._done_bytes - self._before) / elapsed
        left = self._total_bytes - self._done_bytes
        share = self._done_bytes / self._total_bytes if self._total_bytes else 1.0
        failed = f" ({self._failed:,} failed)" if self._failed else ""
        line = (
            f"{self._documents:,} documents{failed}, {self._documents / elapsed:,.1f} a second, "
            f"{share:.1%} of the input done"
        )
        return f"{line}, about {duration(left / speed)} left" if speed else line


@contextlib.contextmanager
def reported(progress: Progress, report: Callable[[str], None], seconds: float) -> Iterator[None]:
    """Report the progress every `seconds` seconds while the context lasts."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(seconds):
            report(str(progress))

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def duration(seconds: float) -> str:
    """Format a time in its two largest units."""
    rest = round(seconds)
    days, rest = divmod(rest, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
