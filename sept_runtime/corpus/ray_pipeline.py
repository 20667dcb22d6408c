"""
The pipeline on Ray: this process reads, a pool of workers predicts and writes.

What goes to a worker is a shard (`shards.py`), and what comes back is its record. Nothing else is
shared: which worker takes a shard, and when, shows nowhere in the output.

Ray Data, which would hand out rows and write files, is not used: its readers give neither line
numbers nor go on after bytes that are not UTF-8, its writers name files anew in each run, and its
scheduler with the three processes beside it takes cores from the workers (docs/scaling.md).

Ray is imported inside the functions: it is an extra, and `--include-package sept_allennlp` imports
every module there is.
"""

import logging
import os
import signal
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Optional, Sequence, Set, Type

from sept_runtime.corpus.formats import encode
from sept_runtime.corpus.inputs import CorpusError, InputFile
from sept_runtime.corpus.output_folder import OutputFolder
from sept_runtime.corpus.progress import duration
from sept_runtime.corpus.records import ShardRecord
from sept_runtime.corpus.settings import CorpusSettings
from sept_runtime.corpus.shards import ShardLines, read_shards
from sept_runtime.corpus.workers import Workers

if TYPE_CHECKING:
    from ray.exceptions import RayError

    from sept_runtime.corpus.prediction import ShardPredictor

# Read by Ray when it is imported, and by its processes.
_ENVIRONMENT = {
    # No message to its makers about each use.
    "RAY_USAGE_STATS_ENABLED": "0",
    # Its way to be with GPUs and workers that use none, of which it warns otherwise.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # What matters comes as an exception; all else is in the log files of Ray's session.
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    # A worker is to stay on its own cores.
    "TOKENIZERS_PARALLELISM": "false",
}

_MAX_SECONDS_WITHOUT_PROGRESS = 2 * 3600


def start(address: Optional[str], num_cpus: int) -> Callable[[], None]:
    """
    Connects to a cluster, or makes one of this machine alone; one that this process is connected to
    already is used.

    # Returns

    What ends the connection again.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray

    if ray.is_initialized():
        return lambda: None
    # Ray puts its own in the place of AllenNLP's.
    handler = signal.getsignal(signal.SIGTERM)
    if address is None:
        ray.init(
            address="local",
            num_cpus=num_cpus,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    else:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)
    return ray.shutdown


def machines() -> List[Dict[str, float]]:
    """Says what each machine of the cluster has: `CPU`, `GPU`, and `memory` in bytes."""
    import ray

    nodes = ray.nodes()  # type: ignore[no-untyped-call]
    return [node["Resources"] for node in nodes if node["Alive"]]


def predict_shards(
    settings: CorpusSettings,
    inputs: Sequence[InputFile],
    finished: Sequence[Optional[Set[int]]],
    output: OutputFolder,
    workers: Workers,
    predictor_class: Type["ShardPredictor"],
) -> Iterator[ShardRecord]:
    """
    Predicts all shards of the inputs but those that are finished, and yields the record of each
    when it is written.

    # Parameters

    finished : `Sequence[Optional[Set[int]]]`
        As `records.finished_shards` gives them.
    predictor_class : `Type[ShardPredictor]`
        What holds the model in each worker.

    # Raises

    `WorkerLost` if a worker dies, `CorpusError` if one fails or a file cannot be read.
    """
    import ray
    from ray.exceptions import RayError
    from ray.util import ActorPool

    device = 0 if workers.gpus else -1
    model = replace(settings.model, threads=workers.threads, cuda_device=device)
    # A worker that dies stays dead: started anew by Ray, it would wait for room, and if its machine
    # is gone there may never be any.
    worker = ray.remote(num_cpus=workers.cpus, num_gpus=workers.gpus, max_restarts=0)(_Worker)
    arguments = (replace(settings, model=model), inputs, output, predictor_class)
    actors: List[Any] = [worker.remote(*arguments) for _ in range(workers.number)]
    # Ray has not annotated it.
    pool: Any = ActorPool(actors)

    def next_done() -> ShardRecord:
        try:
            record: ShardRecord = pool.get_next_unordered(timeout=_MAX_SECONDS_WITHOUT_PROGRESS)
        except RayError as error:
            raise _explained(error) from None
        except TimeoutError:
            waited = duration(_MAX_SECONDS_WITHOUT_PROGRESS)
            raise WorkerLost(f"nothing was done for {waited}") from None
        return record

    try:
        # A shard is read while all workers have one, and waits for the first that is free.
        for lines in _shards_to_do(settings, inputs, finished):
            if not pool.has_free():
                yield next_done()
            pool.submit(lambda actor, shard: actor.predict.remote(shard), lines)
        while pool.has_next():
            yield next_done()
    finally:
        # Now, and not when they are forgotten and have come to the end of what they do: they hold
        # cores, which others are to have.
        for actor in actors:
            ray.kill(actor)


def _shards_to_do(
    settings: CorpusSettings,
    inputs: Sequence[InputFile],
    finished: Sequence[Optional[Set[int]]],
) -> Iterator[ShardLines]:
    for index, done in enumerate(finished):
        if done is not None:
            yield from read_shards(
                inputs[index], index, settings.lines_per_shard, done, settings.text_column
            )


class WorkerLost(CorpusError):
    """A worker's process, or its machine, is gone; what is not done can be tried again."""


def _explained(error: "RayError") -> CorpusError:
    """Says what an error of Ray's means for the run."""
    from ray.exceptions import ActorDiedError, RayError, RayTaskError

    if isinstance(error, RayTaskError):
        if not isinstance(error.cause, RayError):
            return CorpusError(f"a worker failed: {error.cause}")
        error = error.cause
    elif isinstance(error, ActorDiedError) and error.actor_init_failed:
        return CorpusError(f"a worker could not start: {str(error).strip().splitlines()[-1]}")
    reason = str(error).strip().splitlines()[0].rstrip(".")
    return WorkerLost(f"a worker died: {reason}")


class _Worker:
    """Holds a model, predicts shards and writes what it has found."""

    def __init__(
        self,
        settings: CorpusSettings,
        inputs: Sequence[InputFile],
        output: OutputFolder,
        predictor_class: Type["ShardPredictor"],
    ) -> None:
        self._settings = settings
        self._inputs = inputs
        self._output = output
        self._predictor = predictor_class(settings.model)

    def predict(self, lines: ShardLines) -> ShardRecord:
        shard = lines.shard
        processor = time.process_time()
        self._output.start(shard)
        predicted = self._predictor.predict(lines, self._inputs[shard.file].path)
        clock = time.perf_counter()
        annotations = encode(predicted.lines, self._settings.format, self._settings.compression)
        errors = "".join(predicted.errors).encode()
        self._output.write(shard, annotations, errors)
        record = ShardRecord(
            shard,
            annotated=len(predicted.lines),
            failed=len(predicted.errors),
            shard_bytes=len(annotations),
            error_bytes=len(errors),
            seconds={
                "reading": lines.seconds,
                "annotating": predicted.seconds,
                "writing": time.perf_counter() - clock,
                "processor": time.process_time() - processor,
            },
            started=predicted.started,
        )
        self._output.commit(record)
        return record
