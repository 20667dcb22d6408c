"""
Workers on Ray. Only this module imports Ray, inside functions, because Ray is an extra.

Ray Data, which would hand out rows and write files, is not used: its readers give no line numbers
and stop at bytes that are not UTF-8, its writers choose new file names in each run, and its
scheduler takes CPU time from the workers (docs/scaling.md).
"""

import logging
import os
import signal
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, Mapping, Optional, Type

from typing_extensions import Self, override

from sept_runtime.corpus.cluster import Cluster, Pool, WorkerDied, Workers, plan_workers
from sept_runtime.corpus.output_folder import ShardRecord
from sept_runtime.corpus.prediction import Worker, WorkerFault
from sept_runtime.corpus.progress import duration
from sept_runtime.corpus.shards import ShardLines
from sept_runtime.cpu import usable_cores
from sept_runtime.errors import CorpusError

if TYPE_CHECKING:
    from ray.exceptions import RayError

# Read by Ray when it is imported, and by its processes.
_ENVIRONMENT = {
    # Do not report usage to Ray's makers.
    "RAY_USAGE_STATS_ENABLED": "0",
    # Ray's future behavior for workers without a GPU. Ray warns about the old one.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Errors that matter come as exceptions. The others are in the logs of Ray's session.
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    # A worker must not use more cores than its own.
    "TOKENIZERS_PARALLELISM": "false",
}

# How often to try to start a cluster on a busy machine.
_MAX_STARTS = 3
_MAX_SECONDS_WITHOUT_PROGRESS = 2 * 3600
# How often to check, while waiting, that there are still machines for all workers.
_SECONDS_BETWEEN_CHECKS = 15


class RayCluster(Cluster):
    """
    A Ray cluster. If this process is connected to a cluster already, that one is used.

    # Parameters

    address : `str`, optional (default = `None`)
        The cluster to connect to. By default a new one is made of this machine.
    num_cpus : `int`, optional
        The number of cores of this machine, if a new cluster is made of it.
    """

    def __init__(self, address: Optional[str] = None, num_cpus: Optional[int] = None) -> None:
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        import ray

        self._is_ours = not ray.is_initialized()
        if not self._is_ours:
            return
        # Ray replaces the handler.
        handler = signal.getsignal(signal.SIGTERM)
        options: Dict[str, Any] = {"address": address}
        if address is None:
            cores = num_cpus or usable_cores()
            options = {"address": "local", "num_cpus": cores, "include_dashboard": False}
        for attempt in range(1, _MAX_STARTS + 1):
            try:
                ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
                break
            # Ray raises plain exceptions, for one if its processes need more than half a minute.
            except Exception as error:
                ray.shutdown()
                if address is not None or attempt == _MAX_STARTS:
                    place = f"connect to {address}" if address else "start on this machine"
                    raise CorpusError(f"Ray cannot {place}: {error}") from None
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)

    @override
    def machines(self) -> List[Mapping[str, float]]:
        import ray

        try:
            nodes = ray.nodes()  # type: ignore[no-untyped-call]
        except (ray.exceptions.RayError, ConnectionError, RuntimeError) as error:
            raise CorpusError(f"the Ray cluster does not answer: {error}") from None
        return [node["Resources"] for node in nodes if node["Alive"]]

    @override
    def pool(self, workers: Workers, start: Callable[[], Worker]) -> Pool:
        return _RayPool(self, workers, start)

    @override
    def stop(self) -> None:
        import ray

        if self._is_ours:
            ray.shutdown()


class _Actor:
    """A worker in its own process."""

    def __init__(self, start: Callable[[], Worker]) -> None:
        self._worker = start()

    def annotate(self, lines: ShardLines) -> ShardRecord:
        return self._worker.annotate(lines)


class _RayPool(Pool):
    def __init__(self, cluster: RayCluster, workers: Workers, start: Callable[[], Worker]) -> None:
        self._cluster, self._workers, self._start = cluster, workers, start
        self._actors: List[Any] = []

    @override
    def __enter__(self) -> Self:
        import ray
        from ray.util import ActorPool

        # Without restarts by Ray: a restarted actor waits for resources, which may never come back
        # if its machine is gone.
        cpus, gpus = self._workers.cpus, self._workers.gpus
        actor = ray.remote(num_cpus=cpus, num_gpus=gpus, max_restarts=0)(_Actor)
        try:
            for _ in range(self._workers.number):
                self._actors.append(actor.remote(self._start))
        except BaseException:
            self._kill(self._actors)
            raise
        self._pool: Any = ActorPool(self._actors)
        return self

    @override
    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        # At once, rather than when nothing refers to the actors and their tasks have ended: they
        # hold cores, which the next workers need.
        self._kill(self._actors)
        del self._pool, self._actors

    def _kill(self, actors: Iterable[Any]) -> None:
        import ray

        for actor in actors:
            try:
                ray.kill(actor)
            except (ray.exceptions.RayError, ConnectionError):
                # It is dead, or cannot be reached. The output folder ignores what it still does.
                pass

    @override
    def has_free(self) -> bool:
        return bool(self._pool.has_free())

    @override
    def has_busy(self) -> bool:
        return bool(self._pool.has_next())

    @override
    def submit(self, lines: ShardLines) -> None:
        from ray.exceptions import RayError

        try:
            self._pool.submit(lambda actor, shard: actor.annotate.remote(shard), lines)
        except RayError as error:
            raise _explained(error) from None

    @override
    def next_done(self) -> ShardRecord:
        from ray.exceptions import RayError

        deadline = time.monotonic() + _MAX_SECONDS_WITHOUT_PROGRESS
        while True:
            try:
                record: ShardRecord = self._pool.get_next_unordered(_SECONDS_BETWEEN_CHECKS)
                return record
            except RayError as error:
                raise _explained(error) from None
            except TimeoutError:
                if time.monotonic() > deadline:
                    waited = duration(_MAX_SECONDS_WITHOUT_PROGRESS)
                    raise WorkerDied(f"no worker has finished a shard for {waited}") from None
            # A worker that Ray was about to start on a lost machine waits for another one for ever.
            wanted = self._workers
            try:
                plan_workers(self._cluster.machines(), 0.0, wanted.number, wanted.cpus, wanted.gpus)
            except CorpusError:
                raise WorkerDied("a machine was lost") from None


def _explained(error: "RayError") -> CorpusError:
    """Describe what an error of Ray's means for the run."""
    from ray.exceptions import ActorDiedError, RayError, RayTaskError

    if isinstance(error, RayTaskError):
        if isinstance(error.cause, CorpusError):
            return CorpusError(f"a worker failed: {error.cause}")
        if not isinstance(error.cause, RayError):
            reason = str(error.cause)
            if not isinstance(error.cause, WorkerFault):
                reason = f"{type(error.cause).__name__}: {reason}"
            return WorkerDied(f"a worker failed: {reason}")
        error = error.cause
    elif isinstance(error, ActorDiedError) and error.actor_init_failed:
        return CorpusError(f"a worker could not start: {str(error).strip().splitlines()[-1]}")
    reason = str(error).strip().splitlines()[0].rstrip(".")
    return WorkerDied(f"a worker died: {reason}")
