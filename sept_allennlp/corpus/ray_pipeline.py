"""
The pipeline on Ray Data: tasks read, a pool of actors annotates and writes.

What goes through it are units (`units.py`), one a row, and not documents. Ray Data's own readers
give neither line numbers nor go on after bytes that are not UTF-8, and its writers name files anew
in each run, so that nothing could be told of what a killed run has written. A unit comes whole from
one read task and goes whole into one file, whatever Ray repeats in between.

Ray is imported inside the functions: it is an extra, and `--include-package sept_allennlp` imports
every module there is.
"""

import json
import os
import signal
import threading
import time
import warnings
from dataclasses import asdict
from functools import partial
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Set, Type

import pyarrow

from sept_allennlp.corpus.annotating import ModelSettings, UnitAnnotator
from sept_allennlp.corpus.inputs import CorpusError, InputFile
from sept_allennlp.corpus.output_folder import DoneUnit, OutputFolder
from sept_allennlp.corpus.progress import duration
from sept_allennlp.corpus.shards import encode
from sept_allennlp.corpus.units import Unit, UnitLines, read_units
from sept_allennlp.corpus.workers import Workers

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
_MOST_SECONDS_WITHOUT_PROGRESS = 2 * 3600
# More read tasks than this are not made; each then takes several files.
_MOST_READ_TASKS = 1000


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
            logging_level="error",
        )
    else:
        ray.init(address=address, log_to_driver=False, logging_level="error")
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)
    return ray.shutdown


def machines() -> List[Dict[str, float]]:
    """What each machine of the cluster has: `CPU`, `GPU`, and `memory` in bytes."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def annotate_units(
    inputs: Sequence[InputFile],
    finished: Sequence[Optional[Set[int]]],
    lines_per_unit: int,
    text_column: Optional[str],
    model: ModelSettings,
    workers: Workers,
    output: OutputFolder,
    format: str,
    compression: str,
    annotator: Type[UnitAnnotator] = UnitAnnotator,
) -> Iterator[DoneUnit]:
    """
    Annotates all units of the inputs but those that are finished, and yields each when it is
    written.

    # Parameters

    finished : `Sequence[Optional[Set[int]]]`
        As `output_folder.finished_units` gives them.
    annotator : `Type[UnitAnnotator]`, optional
        The class of the workers.

    # Raises

    `WorkerLost` if a worker dies, `CorpusError` if one fails.
    """
    import ray
    import ray.data
    from ray.data.exceptions import ExecutionTimeoutError
    from ray.exceptions import ActorDiedError, RayError, RayTaskError

    # That there are fewer units than workers is no fault of anybody's.
    warnings.filterwarnings("ignore", "The minimum number of concurrent actors", UserWarning)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # Ray does not notice everything, such as a worker that dies while it waits. The default of half
    # an hour is too short for large units on slow machines.
    context.execution_no_progress_timeout_s = _MOST_SECONDS_WITHOUT_PROGRESS
    # Where workers are slow, Ray reads one unit more at each interval, whether or not there is room
    # for it. The default of ten seconds would fill the disk.
    context.output_backpressure_guard_release_interval_s = 600
    context.issue_detectors_config.detectors = []
    context.raise_original_map_exception = True
    # A block for each unit: they go to the workers one by one, and no two wait for each other.
    context.target_max_block_size = 1

    # Fixed before anything starts, so that a read task that is repeated gives the same again.
    tasks = [
        {"place": place, "done": sorted(done)}
        for place, done in enumerate(finished)
        if done is not None
    ]
    few = 1 + workers.number // _WORKERS_PER_TASK
    dataset = ray.data.from_items(
        [json.dumps(task) for task in tasks],
        override_num_blocks=min(len(tasks), _MOST_READ_TASKS),
    )
    # Reading takes next to nothing of a core; if it claimed one, the workers could not have them
    # all.
    with warnings.catch_warnings():
        # Ray is to lose max_retries and max_restarts in 2.64; setup.cfg asks for an earlier one.
        warnings.simplefilter("ignore", DeprecationWarning)
        dataset = dataset.map_batches(
            _Read(inputs, lines_per_unit, text_column),
            batch_size=1,
            batch_format="pyarrow",
            compute=ray.data.TaskPoolStrategy(size=min(few, len(tasks))),
            num_cpus=0,
            # Or Ray tries it again without end and without a word.
            max_retries=0,
        )
        dataset = dataset.map_batches(
            _Annotate,
            fn_constructor_args=(
                annotator,
                model,
                [file.path for file in inputs],
                output,
                partial(encode, format=format, compression=compression),
            ),
            batch_size=1,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=workers.number),
            num_cpus=workers.cpus,
            num_gpus=workers.gpus,
            # Ray would start a worker anew as soon as there is room for it. If its machine is gone,
            # that may be never, and its units would wait for it, without a word.
            max_restarts=0,
            max_task_retries=0,
        )
    try:
        for row in dataset.iter_rows():
            yield DoneUnit.from_json(row["done"])
    except ExecutionTimeoutError:
        raise WorkerLost(
            f"nothing was done for {duration(_MOST_SECONDS_WITHOUT_PROGRESS)}"
        ) from None
    except RayTaskError as error:
        # Without what Ray remembers of it, in which the other workers would live on.
        if isinstance(error.cause, RayError):
            raise WorkerLost(f"a worker died: {_first_line(error.cause)}") from None
        raise CorpusError(f"a worker failed: {error.cause}") from None
    except ActorDiedError as error:
        if error.actor_init_failed:
            reason = str(error).strip().splitlines()[-1]
            raise CorpusError(f"a worker could not start: {reason}") from None
        raise WorkerLost(f"a worker died: {_first_line(error)}") from None
    except RayError as error:
        raise WorkerLost(f"a worker died: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".")


class WorkerLost(CorpusError):
    """A worker's process, or its machine, is gone; what is not done can be tried again."""


class _Read:
    def __init__(
        self, inputs: Sequence[InputFile], lines_per_unit: int, text_column: Optional[str]
    ) -> None:
        self._inputs = inputs
        self._lines_per_unit = lines_per_unit
        self._text_column = text_column

    def __call__(self, table: pyarrow.Table) -> Iterator[pyarrow.Table]:
        for item in table["item"].to_pylist():
            task = json.loads(item)
            units = read_units(
                self._inputs[task["place"]],
                task["place"],
                self._lines_per_unit,
                {*task["done"]},
                self._text_column,
            )
            for unit in units:
                about = {
                    "unit": asdict(unit.unit),
                    "unreadable": unit.unreadable,
                    "seconds": unit.seconds,
                }
                yield _row(about, unit.lines)


class _Annotate:
    """
    A worker as Ray Data takes it. It writes, too: a task for that would be a process of its own,
    and Ray ends processes that have nothing to do for a second, so each shard would cost a new one.
    """

    def __init__(
        self,
        annotator: Type[UnitAnnotator],
        model: ModelSettings,
        paths: List[str],
        output: OutputFolder,
        encode: Callable[[List[str]], bytes],
    ) -> None:
        self._annotator = annotator(model)
        self._paths = paths
        self._output = output
        self._encode = encode

    def __call__(self, table: pyarrow.Table) -> Iterator[pyarrow.Table]:
        for row in table.to_pylist():
            about = json.loads(row["about"])
            unit = Unit(**about["unit"])
            unreadable = {int(place): reason for place, reason in about["unreadable"].items()}
            self._output.start(unit)
            annotated = self._annotator.annotate(
                UnitLines(unit, row["lines"], unreadable), self._paths[unit.file]
            )
            clock = time.perf_counter()
            shard = self._encode(annotated.lines)
            errors = "".join(annotated.errors).encode()
            self._output.write(unit, shard, errors)
            done = DoneUnit(
                unit,
                annotated=len(annotated.lines),
                failed=len(annotated.errors),
                shard_bytes=len(shard),
                error_bytes=len(errors),
                seconds={
                    "reading": about["seconds"],
                    "annotating": annotated.seconds,
                    "writing": time.perf_counter() - clock,
                },
                started=annotated.started,
            )
            self._output.commit(done)
            yield pyarrow.table({"done": [done.to_json()]})


def _row(about: Dict[str, Any], lines: List[bytes]) -> pyarrow.Table:
    """A unit on its way: one row, whatever it holds."""
    column = pyarrow.array([lines], pyarrow.list_(pyarrow.large_binary()))
    return pyarrow.table({"about": [json.dumps(about)], "lines": column})
