"""
The pipeline on Ray Data: tasks read, a pool of workers predicts and writes.

What goes through it are shards (`shards.py`), one a row, and not documents. Ray Data's own readers
give neither line numbers nor go on after bytes that are not UTF-8, and its writers name files anew
in each run, so that nothing could be told of what a killed run has written. A shard comes whole
from one read task and goes whole into one file, whatever Ray repeats in between.

Ray is imported inside the functions: it is an extra, and `--include-package sept_allennlp` imports
every module there is.
"""

import json
import logging
import os
import pickle
import signal
import threading
import time
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Callable, Dict, Iterator, List, Optional, Sequence, Set, Type

import pyarrow

from sept_runtime.corpus.formats import encode
from sept_runtime.corpus.inputs import CorpusError, InputFile
from sept_runtime.corpus.output_folder import OutputFolder
from sept_runtime.corpus.progress import duration
from sept_runtime.corpus.records import ShardRecord
from sept_runtime.corpus.settings import CorpusSettings
from sept_runtime.corpus.shards import ShardLines, read_shards
from sept_runtime.corpus.workers import Workers

if TYPE_CHECKING:
    import ray.data

    from sept_runtime.corpus.prediction import ShardPredictor

# Read by Ray when it is imported, and by its processes.
_ENVIRONMENT = {
    # No message to its makers about each use.
    "RAY_USAGE_STATS_ENABLED": "0",
    # Its way to be with GPUs and workers that use none, of which it warns otherwise.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # What matters comes as an exception; all else is in the log files of Ray's session.
    "RAY_DATA_LOG_LEVEL": "CRITICAL",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    # A process that reads takes seconds to import AllenNLP: it is kept for the next file. (Of this
    # machine's own Ray alone: a cluster's is started before.)
    "RAY_idle_worker_killing_time_threshold_ms": "3600000",
    # A worker is to stay on its own cores.
    "TOKENIZERS_PARALLELISM": "false",
}

# One task reads for so many workers: it is much faster than they are.
_WORKERS_PER_TASK = 16
_MAX_SECONDS_WITHOUT_PROGRESS = 2 * 3600
# More read tasks than this are not made; each then takes several files.
_MAX_READ_TASKS = 1000


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

    `WorkerLost` if a worker dies, `CorpusError` if one fails.
    """
    import ray.data
    from ray.data.exceptions import ExecutionTimeoutError
    from ray.exceptions import RayError

    _configure()
    device = 0 if workers.gpus else -1
    model = replace(settings.model, threads=workers.threads, cuda_device=device)
    dataset = _reading(settings, inputs, finished, workers.number).map_batches(
        _Worker,
        fn_constructor_args=(replace(settings, model=model), inputs, output, predictor_class),
        batch_size=1,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=workers.number),
        num_cpus=workers.cpus,
        num_gpus=workers.gpus,
        # Ray would start a worker anew as soon as there is room for it. If its machine is gone,
        # that may be never, and its shards would wait for it, without a word.
        max_restarts=0,
        max_task_retries=0,
    )
    try:
        for row in dataset.iter_rows():
            yield ShardRecord.from_json(row["done"])
    except (ExecutionTimeoutError, RayError) as error:
        # Without what Ray remembers of it, in which the other workers would live on.
        raise _explained(error) from None


def _configure() -> None:
    """Sets Ray Data up for few large rows and slow workers."""
    import ray.data

    # That there are fewer shards than workers is no fault of anybody's.
    warnings.filterwarnings("ignore", "The minimum number of concurrent actors", UserWarning)
    # Ray is to lose max_retries and max_restarts in 2.64; setup.cfg asks for an earlier one.
    warnings.filterwarnings("ignore", "`ray_remote_args` is deprecated", DeprecationWarning)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # Ray does not notice everything, such as a worker that dies while it waits. The default of half
    # an hour is too short for large shards on slow machines.
    context.execution_no_progress_timeout_s = _MAX_SECONDS_WITHOUT_PROGRESS
    # Where workers are slow, Ray reads one shard more at each interval, whether or not there is
    # room for it. The default of ten seconds would fill the disk.
    context.output_backpressure_guard_release_interval_s = 600
    context.issue_detectors_config.detectors = []
    context.raise_original_map_exception = True
    # A block for each shard: they go to the workers one by one, and no two wait for each other.
    context.target_max_block_size = 1


def _reading(
    settings: CorpusSettings,
    inputs: Sequence[InputFile],
    finished: Sequence[Optional[Set[int]]],
    num_workers: int,
) -> "ray.data.Dataset":
    """Gives the shards that are not finished, a row each, as they are asked for."""
    import ray.data

    # Fixed before anything starts, so that a read task that is repeated gives the same again.
    tasks = [
        json.dumps({"index": index, "done": sorted(done)})
        for index, done in enumerate(finished)
        if done is not None
    ]
    few = 1 + num_workers // _WORKERS_PER_TASK
    files = ray.data.from_items(tasks, override_num_blocks=min(len(tasks), _MAX_READ_TASKS))
    return files.map_batches(
        _Reader(settings, inputs),
        batch_size=1,
        batch_format="pyarrow",
        compute=ray.data.TaskPoolStrategy(size=min(few, len(tasks))),
        # Reading takes next to nothing of a core; if it claimed one, the workers could not have
        # them all.
        num_cpus=0,
        # Or Ray tries it again without end and without a word.
        max_retries=0,
    )


class WorkerLost(CorpusError):
    """A worker's process, or its machine, is gone; what is not done can be tried again."""


def _explained(error: Exception) -> CorpusError:
    """Says what an error of Ray's means for the run."""
    from ray.data.exceptions import ExecutionTimeoutError
    from ray.exceptions import ActorDiedError, RayError, RayTaskError

    if isinstance(error, ExecutionTimeoutError):
        return WorkerLost(f"nothing was done for {duration(_MAX_SECONDS_WITHOUT_PROGRESS)}")
    if isinstance(error, RayTaskError):
        if not isinstance(error.cause, RayError):
            return CorpusError(f"a worker failed: {error.cause}")
        error = error.cause
    elif isinstance(error, ActorDiedError) and error.actor_init_failed:
        return CorpusError(f"a worker could not start: {str(error).strip().splitlines()[-1]}")
    reason = str(error).strip().splitlines()[0].rstrip(".")
    return WorkerLost(f"a worker died: {reason}")


class _Reader:
    """Reads the shards of a file, each a row of its own, whatever it holds."""

    def __init__(self, settings: CorpusSettings, inputs: Sequence[InputFile]) -> None:
        self._settings = settings
        self._inputs = inputs

    def __call__(self, table: pyarrow.Table) -> Iterator[pyarrow.Table]:
        for item in table["item"].to_pylist():
            task = json.loads(item)
            index, done = task["index"], {*task["done"]}
            for shard in read_shards(
                self._inputs[index],
                index,
                self._settings.lines_per_shard,
                done,
                self._settings.text_column,
            ):
                column = pyarrow.array([pickle.dumps(shard)], pyarrow.large_binary())
                yield pyarrow.table({"shard": column})


class _Worker:
    """
    A worker as Ray Data takes it. It writes, too: a task for that would be a process of its own,
    and Ray ends processes that have nothing to do for a second, so each shard would cost a new one.
    """

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

    def __call__(self, table: pyarrow.Table) -> Iterator[pyarrow.Table]:
        for row in table["shard"]:
            record = self._predict(pickle.loads(row.as_buffer()))
            yield pyarrow.table({"done": [record.to_json()]})

    def _predict(self, lines: ShardLines) -> ShardRecord:
        shard = lines.shard
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
            },
            started=predicted.started,
        )
        self._output.commit(record)
        return record
