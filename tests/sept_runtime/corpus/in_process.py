"""A cluster whose workers run in this process, one shard at a time, and can be made to fail."""

import threading
from collections import deque
from types import TracebackType
from typing import Any, Callable, Deque, List, Mapping, Optional, Tuple, Type

from typing_extensions import Self, override

from sept_runtime.corpus.cluster import Cluster, Pool, WorkerDied, Workers
from sept_runtime.corpus.output_folder import ShardRecord
from sept_runtime.corpus.prediction import ShardPredictor, Worker
from sept_runtime.corpus.settings import ModelSettings
from sept_runtime.corpus.shards import ShardLines
from sept_runtime.errors import CorpusError
from sept_runtime.inference.prediction import SpanPredictor
from sept_runtime.options import Decoding
from tests.sept_runtime.word_predictor import WordPredictor


class WordShardPredictor(ShardPredictor):
    """Knows two words."""

    process_bytes = 2.0**20

    @override
    @classmethod
    def load(cls, settings: ModelSettings) -> Tuple[SpanPredictor, Decoding]:
        return WordPredictor(), Decoding()


class InProcessCluster(Cluster):
    """
    # Parameters

    called : `Callable[[str], Any]`, optional
        Called with its name before each call of the cluster or of its pools. May raise.
    """

    def __init__(self, called: Callable[[str], Any] = lambda name: None) -> None:
        self.called = called
        # Work that a lost worker did not finish: calling it has the worker wake up.
        self.zombies: List[Callable[[], Any]] = []

    @override
    def machines(self) -> List[Mapping[str, float]]:
        self.called("machines")
        return [{"CPU": 2.0}]

    @override
    def pool(self, workers: Workers, start: Callable[[], Worker]) -> Pool:
        self.called("pool")
        return _InProcessPool(self, workers, start)

    @override
    def stop(self) -> None:
        self.called("stop")


class _InProcessPool(Pool):
    def __init__(
        self, cluster: InProcessCluster, workers: Workers, start: Callable[[], Worker]
    ) -> None:
        self._cluster, self._number, self._start = cluster, workers.number, start
        self._busy: Deque[Tuple[Worker, ShardLines]] = deque()

    @override
    def __enter__(self) -> Self:
        self._cluster.called("start")
        self._idle = [self._start() for _ in range(self._number)]
        return self

    @override
    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self._cluster.called("kill")
        # Killed, as far as anyone knows.
        for worker, lines in self._busy:
            self._cluster.zombies.append(lambda worker=worker, lines=lines: worker.annotate(lines))

    @override
    def has_free(self) -> bool:
        return bool(self._idle)

    @override
    def has_busy(self) -> bool:
        return bool(self._busy)

    @override
    def submit(self, lines: ShardLines) -> None:
        self._cluster.called("submit")
        self._busy.append((self._idle.pop(), lines))

    @override
    def next_done(self) -> ShardRecord:
        self._cluster.called("next_done")
        worker, lines = self._busy.popleft()
        record = self._finish(worker, lines)
        self._idle.append(worker)
        return record

    def _finish(self, worker: Worker, lines: ShardLines) -> ShardRecord:
        thread = WorkerThread(worker, lines)
        thread.start()
        thread.finished_or_stuck.wait()
        if not thread.is_finished:
            self._cluster.zombies.append(thread.wake_up)
            raise WorkerDied("a machine was lost")
        if isinstance(thread.error, CorpusError):
            raise thread.error
        if thread.error is not None:
            raise WorkerDied(f"a worker failed: {thread.error}")
        assert thread.record is not None
        return thread.record


class WorkerThread(threading.Thread):
    """A worker annotating a shard. It can be made to get stuck, and to wake up later."""

    def __init__(self, worker: Worker, lines: ShardLines) -> None:
        super().__init__(daemon=True)
        self._worker, self._lines = worker, lines
        self.record: Optional[ShardRecord] = None
        self.error: Optional[Exception] = None
        self.is_finished = False
        self.finished_or_stuck = threading.Event()
        self._awake = threading.Event()

    @override
    def run(self) -> None:
        try:
            self.record = self._worker.annotate(self._lines)
        except Exception as error:
            self.error = error
        self.is_finished = True
        self.finished_or_stuck.set()

    def get_stuck(self) -> None:
        """Give the worker up for lost, and return when it wakes up. Runs in the thread."""
        self.finished_or_stuck.set()
        self._awake.wait()

    def wake_up(self) -> None:
        self._awake.set()
        self.join()
