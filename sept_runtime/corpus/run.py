import gc
import time
from typing import Callable, Iterator, Optional, Sequence, Set, Type

from sept_runtime.corpus import ray_pipeline
from sept_runtime.corpus.formats import suffix
from sept_runtime.corpus.inputs import CorpusError, InputFile, find_inputs
from sept_runtime.corpus.output_folder import OutputFolder
from sept_runtime.corpus.prediction import ShardPredictor
from sept_runtime.corpus.progress import Progress, reported
from sept_runtime.corpus.records import Counts, ShardRecord, finished_shards
from sept_runtime.corpus.settings import CorpusSettings
from sept_runtime.corpus.shards import Shard
from sept_runtime.corpus.workers import Workers, plan_workers
from sept_runtime.cpu import usable_cores

# A worker that died so often with no shard done in between: it may well be a document that kills
# it.
MAX_LOSSES = 3
# How many shards a message names.
MAX_NAMED = 3
# How long the last files of another machine may take to be seen on a shared file system.
SECONDS_TO_SEE_FILES = 90


def predict_corpus(
    settings: CorpusSettings,
    report: Callable[[str], None],
    predictor_class: Type[ShardPredictor],
) -> Counts:
    """
    Predicts the entities of what is not done yet, and checks that all is there.

    # Parameters

    settings : `CorpusSettings`
    report : `Callable[[str], None]`
        Takes the lines that say how far it is.
    predictor_class : `Type[ShardPredictor]`
        What holds the model in each worker.

    # Raises

    `CorpusError`
    """
    inputs = find_inputs(settings.inputs)
    output = OutputFolder(settings.output.resolve(), suffix(settings.format, settings.compression))
    with output.claimed(settings.identity(), inputs):
        done = output.done()
        report(f"input files: {len(inputs)}, shards done before: {len(done)}")
        if _something_left(finished_shards(done, len(inputs))):
            _predict_rest(settings, inputs, output, done, report, predictor_class)
        return _checked(output, inputs, SECONDS_TO_SEE_FILES if settings.address else 0)


def _checked(output: OutputFolder, inputs: Sequence[InputFile], seconds: float) -> Counts:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return output.check(inputs)
        except CorpusError:
            if time.monotonic() >= deadline:
                raise
        time.sleep(1)


def _predict_rest(
    settings: CorpusSettings,
    inputs: Sequence[InputFile],
    output: OutputFolder,
    done: Sequence[ShardRecord],
    report: Callable[[str], None],
    predictor_class: Type[ShardPredictor],
) -> None:
    """
    Goes on until all shards are done, with as many workers as there is room for. When one of them
    dies, or its machine, all are started anew where there is room by then.
    """
    progress = Progress(sum(file.size for file in inputs), done)
    stop = ray_pipeline.start(settings.address, usable_cores())
    try:
        # What is wrong with the model is easier to say here than in a worker. After Ray's
        # processes were forked, which a tokenizer that was used before does not like.
        predictor_class.load(settings.model)
        workers = _workers(settings, settings.workers, predictor_class)
        losses = 0
        while _something_left(finished := finished_shards(done, len(inputs))):
            report(f"{workers}; loading the model")
            records = ray_pipeline.predict_shards(
                settings, inputs, finished, output, workers, predictor_class
            )
            with reported(progress, report, settings.progress_seconds):
                lost = _lost(records, progress)
            before, done = done, output.done()
            for record in done:
                progress.add(record)
            if lost is None:
                break
            losses = losses + 1 if len(done) == len(before) else 1
            if losses == MAX_LOSSES:
                raise CorpusError(_what_to_do(lost, losses, output.started(), inputs))
            report(f"{lost}; what is not done goes to others")
            # The other workers of before live as long as something remembers them, and hold cores.
            gc.collect()
            try:
                workers = _workers(settings, settings.workers, predictor_class)
            except CorpusError:
                # There were enough cores for so many before.
                workers = _workers(settings, None, predictor_class)
    finally:
        stop()
    report(str(progress))


def _lost(records: Iterator[ShardRecord], progress: Progress) -> Optional[str]:
    """Counts what gets done, and says so if a worker is lost."""
    try:
        for record in records:
            progress.add(record)
    except ray_pipeline.WorkerLost as loss:
        return str(loss)
    return None


def _something_left(finished: Sequence[Optional[Set[int]]]) -> bool:
    return any(shards is not None for shards in finished)


def _what_to_do(
    lost: str, losses: int, started: Sequence[Shard], inputs: Sequence[InputFile]
) -> str:
    at_work = ", ".join(
        f"{inputs[shard.file].path} from line {shard.first_line} to "
        f"{shard.first_line + shard.num_lines - 1}"
        for shard in started[:MAX_NAMED]
    )
    return (
        f"{lost}. That was {losses} times in a row without a shard done in between, at "
        f"{at_work or 'nothing yet'}. Is there a document that the memory is too small for? The "
        "same command goes on from here; --batch-size 1 and fewer --actors take less memory"
    )


def _workers(
    settings: CorpusSettings, number: Optional[int], predictor_class: Type[ShardPredictor]
) -> Workers:
    worker_bytes = predictor_class.worker_bytes(settings.model)
    machines = ray_pipeline.machines()
    return plan_workers(machines, worker_bytes, number, settings.cpus, settings.gpus)
