import contextlib
import functools
import time
from collections import Counter
from dataclasses import replace
from typing import Callable, Dict, Generator, Iterator, List, Optional, Sequence, Set, Type

from sept_runtime.corpus.cluster import Cluster, WorkerDied, Workers, plan_workers
from sept_runtime.corpus.formats import suffix
from sept_runtime.corpus.inputs import InputFile, find_inputs
from sept_runtime.corpus.output_folder import (
    Counts,
    OutputFolder,
    ShardRecord,
    unfinished_files,
)
from sept_runtime.corpus.prediction import ShardPredictor, Worker
from sept_runtime.corpus.progress import Progress, reported
from sept_runtime.corpus.ray_cluster import RayCluster
from sept_runtime.corpus.settings import CorpusSettings
from sept_runtime.corpus.shards import Shard, ShardLines, read_shards
from sept_runtime.errors import CorpusError

# After this number of deaths without a finished shard in between the run gives up: a document may
# be the reason.
MAX_WORKER_DEATHS = 3
# How many shards a message names.
_MAX_NAMED = 3
# How long the last files of another machine may take to appear on a shared file system.
_SECONDS_TO_SEE_FILES = 90


def predict_corpus(
    settings: CorpusSettings,
    report: Callable[[str], None],
    predictor_class: Type[ShardPredictor],
    connect: Callable[[Optional[str]], Cluster] = RayCluster,
) -> Counts:
    """
    Annotate what is not annotated yet, and check that the output is complete.

    # Parameters

    settings : `CorpusSettings`
    report : `Callable[[str], None]`
        Called with lines about the progress.
    predictor_class : `Type[ShardPredictor]`
        The model of each worker.
    connect : `Callable[[Optional[str]], Cluster]`, optional (default = `RayCluster`)
        Called with `settings.address`.

    # Raises

    `CorpusError`
    """
    inputs = find_inputs(settings.inputs, settings.format)
    output = OutputFolder(
        settings.output.resolve(), suffix(settings.output_format, settings.compression)
    )
    with output.claimed(settings.identity(), inputs):
        done = output.done()
        report(f"input files: {len(inputs)}, shards finished before: {len(done)}")
        if unfinished_files(done, len(inputs)):
            _Run(settings, inputs, output, report, predictor_class).finish(connect)
        output.end_attempts()
        return _checked(output, inputs, _SECONDS_TO_SEE_FILES if settings.address else 0)


def _checked(output: OutputFolder, inputs: Sequence[InputFile], seconds: float) -> Counts:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return output.check(inputs)
        except CorpusError:
            if time.monotonic() >= deadline:
                raise
        time.sleep(1)


class _Run:
    """The annotation of all shards that are not finished."""

    def __init__(
        self,
        settings: CorpusSettings,
        inputs: Sequence[InputFile],
        output: OutputFolder,
        report: Callable[[str], None],
        predictor_class: Type[ShardPredictor],
    ) -> None:
        self._settings = settings
        self._inputs = inputs
        self._output = output
        self._report = report
        self._predictor_class = predictor_class
        # How often each shard was given to a worker.
        self._tries: Counter[Shard] = Counter()

    def finish(self, connect: Callable[[Optional[str]], Cluster]) -> None:
        """Start workers, and start new ones whenever one dies, until all shards are finished."""
        cluster = connect(self._settings.address)
        try:
            # Errors of the model are easier to explain here than in a worker. After Ray's processes
            # were forked, because a tokenizer must not be used before the process forks.
            self._predictor_class.load(self._settings.model)
            workers = self._plan(cluster, self._settings.workers)
            deaths = 0
            attempt = self._output.begin_attempt()
            done = self._output.done()
            progress = Progress(sum(file.size for file in self._inputs), done)
            while unfinished := unfinished_files(done, len(self._inputs)):
                self._report(f"{workers}; loading the model")
                death = None
                with reported(progress, self._report, self._settings.progress_seconds):
                    records = self._annotated(cluster, workers, unfinished, attempt)
                    try:
                        # Closed before the cluster, whatever happens.
                        with contextlib.closing(records):
                            for record in records:
                                progress.add(record)
                    except WorkerDied as error:
                        death = error
                # Before reading the records, so that no worker can add another one.
                attempt = self._output.begin_attempt()
                num_before, done = len(done), self._output.done()
                for record in done:
                    progress.add(record)
                if death is None:
                    break
                deaths = deaths + 1 if len(done) == num_before else 1
                if deaths == MAX_WORKER_DEATHS:
                    raise CorpusError(self._explained(death, {record.shard for record in done}))
                self._report(f"{death}; starting new workers")
                try:
                    workers = self._plan(cluster, self._settings.workers)
                except CorpusError:
                    # There were enough cores for this number before.
                    workers = self._plan(cluster, None)
        finally:
            cluster.stop()
        self._report(str(progress))

    def _annotated(
        self, cluster: Cluster, workers: Workers, unfinished: Dict[int, Set[int]], attempt: str
    ) -> Generator[ShardRecord, None, None]:
        """Give the unfinished shards to workers, and yield the records of those they finish."""
        device = 0 if workers.gpus else -1
        model = replace(self._settings.model, threads=workers.threads, cuda_device=device)
        start = functools.partial(
            Worker,
            replace(self._settings, model=model),
            self._inputs,
            self._output,
            attempt,
            self._predictor_class,
        )
        with cluster.pool(workers, start) as pool:
            # While all workers are busy the next shard is read, and no more.
            for lines in self._shards(unfinished):
                if not pool.has_free():
                    yield pool.next_done()
                self._tries[lines.shard] += 1
                pool.submit(lines)
            while pool.has_busy():
                yield pool.next_done()

    def _shards(self, unfinished: Dict[int, Set[int]]) -> Iterator[ShardLines]:
        for index, done in unfinished.items():
            yield from read_shards(
                self._inputs[index],
                index,
                self._settings.lines_per_shard,
                done,
                self._settings.format,
                self._settings.one_per_line,
            )

    def _plan(self, cluster: Cluster, number: Optional[int]) -> Workers:
        worker_bytes = self._predictor_class.worker_bytes(self._settings.model)
        return plan_workers(
            cluster.machines(), worker_bytes, number, self._settings.cpus, self._settings.gpus
        )

    def _explained(self, death: WorkerDied, done: Set[Shard]) -> str:
        suspects: List[Shard] = [shard for shard, _ in self._tries.most_common()]
        named = ", ".join(
            f"{self._inputs[shard.file].path} from line {shard.first_line} to "
            f"{shard.first_line + shard.num_lines - 1}"
            for shard in [shard for shard in suspects if shard not in done][:_MAX_NAMED]
        )
        return (
            f"{death}. This has happened {MAX_WORKER_DEATHS} times in a row without a finished "
            f"shard in between, at {named or 'the start'}. If a document there needs more memory "
            "than a worker has, try --batch-size 1 and fewer --actors: the same command continues "
            "from here."
        )
