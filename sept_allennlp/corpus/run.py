import gc
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Set, Tuple, Type

from sept_allennlp.corpus import LINES_PER_SHARD
from sept_allennlp.corpus.annotating import (
    ModelSettings,
    UnitAnnotator,
    file_digest,
    load_predictor,
)
from sept_allennlp.corpus.inputs import CorpusError, InputFile, find_inputs
from sept_allennlp.corpus.output_folder import Counts, DoneUnit, OutputFolder, finished_units
from sept_allennlp.corpus.progress import Progress, said
from sept_allennlp.corpus.shards import suffix
from sept_allennlp.corpus.units import Unit
from sept_allennlp.corpus.workers import Workers, plan_workers, usable_cores
from sept_runtime.version import VERSION

# A worker that died so often with no unit done in between: it may well be a document that kills it.
MOST_LOSSES = 3
# How many units a message names.
MOST_NAMED = 3
# How long the last files of another machine may take to be seen on a shared file system.
SECONDS_TO_SEE_FILES = 90


@dataclass(frozen=True)
class CorpusRun:
    """
    What `allennlp sept-annotate` is told.

    # Parameters

    archive : `str`
        The model's archive, on this machine; on a cluster, on all of them.
    inputs : `Tuple[str, ...]`
        Files, folders and patterns, see `inputs.find_inputs`.
    output : `Path`
    format, compression : `str`, optional
        See `shards`.
    lines_per_shard : `int`, optional
    text_column : `str`, optional (default = `"text"`)
        The column of Parquet files that holds the raw text.
    overrides, predictor_args, packages, batch_size : optional
        See `annotating.ModelSettings`.
    workers : `int`, optional
        How many (default = as many as there are cores, or GPUs, and memory for).
    cpus, gpus : `float`, optional
        What each of them has.
    address : `str`, optional
        Of a Ray cluster; this machine alone unless given.
    """

    archive: str
    inputs: Tuple[str, ...]
    output: Path
    format: str = "jsonl"
    compression: str = "gz"
    lines_per_shard: int = LINES_PER_SHARD
    text_column: Optional[str] = None
    overrides: str = ""
    predictor_args: Optional[Dict[str, Any]] = None
    packages: Tuple[str, ...] = ()
    batch_size: int = 32
    workers: Optional[int] = None
    cpus: float = 1.0
    gpus: float = 0.0
    address: Optional[str] = None

    def identity(self, digest: str) -> Dict[str, Any]:
        """
        What the output depends on: what a run that goes on with another's must have in common with
        it. The number of workers and what they run on do not belong to it.
        """
        return {
            "version of sept_allennlp": VERSION,
            "archive's SHA-256": digest,
            "overrides": self.overrides,
            "predictor-args": self.predictor_args or {},
            "format": self.format,
            "compression": self.compression,
            "shard-size": self.lines_per_shard,
            "text-column": self.text_column,
        }


def annotate_corpus(
    run: CorpusRun,
    report: Callable[[str], None],
    report_seconds: float = 10.0,
    annotator: Type[UnitAnnotator] = UnitAnnotator,
) -> Counts:
    """
    Annotates what is not annotated yet, and checks that all is there.

    # Parameters

    run : `CorpusRun`
    report : `Callable[[str], None]`
        Takes the lines that say how far it is.
    report_seconds : `float`, optional (default = `10.0`)
        How often at most.
    annotator : `Type[UnitAnnotator]`, optional
        The class of the workers.

    # Raises

    `CorpusError`
    """
    inputs = find_inputs(run.inputs)
    archive = str(Path(run.archive).resolve())
    digest = file_digest(archive)
    output = OutputFolder(run.output.resolve(), suffix(run.format, run.compression))
    with output.claimed(run.identity(digest), inputs):
        done = output.done()
        report(f"input files: {len(inputs)}, shards done before: {len(done)}")
        if _something_left(finished_units(done, len(inputs))):
            model = ModelSettings(
                archive=archive,
                digest=digest,
                overrides=run.overrides,
                predictor_args=run.predictor_args or {},
                packages=run.packages,
                batch_size=run.batch_size,
            )
            _annotate_rest(run, inputs, output, done, model, report, report_seconds, annotator)
        return _checked(output, inputs, SECONDS_TO_SEE_FILES if run.address else 0)


def _checked(output: OutputFolder, inputs: Sequence[InputFile], seconds: float) -> Counts:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return output.check(inputs)
        except CorpusError:
            if time.monotonic() >= deadline:
                raise
        time.sleep(1)


def _annotate_rest(
    run: CorpusRun,
    inputs: Sequence[InputFile],
    output: OutputFolder,
    done: List[DoneUnit],
    model: ModelSettings,
    report: Callable[[str], None],
    report_seconds: float,
    annotator: Type[UnitAnnotator],
) -> None:
    """
    Until all units are done, by as many workers as there is room for. When one of them dies, or its
    machine, all are started anew where there is room by then.
    """
    # Only here: it is an extra, and not needed to find that there is nothing left to do.
    from sept_allennlp.corpus import ray_pipeline

    progress = Progress(
        sum(file.size for file in inputs), sum(record.unit.num_bytes for record in done)
    )
    counted = {record.unit for record in done}

    def count(record: DoneUnit) -> None:
        unit = record.unit
        if unit not in counted:
            counted.add(unit)
            progress.add(unit.num_lines, record.failed, unit.num_bytes, record.started)

    stop = ray_pipeline.start(run.address, usable_cores())
    try:
        # What is wrong with the archive is easier to say here than in a worker. After Ray's
        # processes were forked, which a tokeniser that was used before does not like.
        load_predictor(model)
        workers = _workers(run, run.workers)
        losses = 0
        while _something_left(finished := finished_units(done, len(inputs))):
            report(f"{workers}; loading the model")
            device = 0 if workers.gpus else -1
            settings = replace(model, threads=workers.threads, cuda_device=device)
            lost = None
            try:
                with said(progress, report, report_seconds):
                    for record in ray_pipeline.annotate_units(
                        inputs,
                        finished,
                        run.lines_per_shard,
                        run.text_column,
                        settings,
                        workers,
                        output,
                        run.format,
                        run.compression,
                        annotator,
                    ):
                        count(record)
            except ray_pipeline.WorkerLost as loss:
                lost = str(loss)
            before, done = done, output.done()
            for record in done:
                count(record)
            if lost is None:
                break
            losses = losses + 1 if len(done) == len(before) else 1
            if losses == MOST_LOSSES:
                raise CorpusError(_what_to_do(lost, losses, output.started(), inputs))
            report(f"{lost}; what is not done goes to others")
            # The other workers of before live as long as something remembers them, and hold cores.
            gc.collect()
            try:
                workers = _workers(run, run.workers)
            except CorpusError:
                # There were enough cores for so many before.
                workers = _workers(run, None)
    finally:
        stop()
    report(str(progress))


def _something_left(finished: Sequence[Optional[Set[int]]]) -> bool:
    return any(units is not None for units in finished)


def _what_to_do(
    lost: str, losses: int, started: Sequence[Unit], inputs: Sequence[InputFile]
) -> str:
    at_work = ", ".join(
        f"{inputs[unit.file].path} from line {unit.first_line} to "
        f"{unit.first_line + unit.num_lines - 1}"
        for unit in started[:MOST_NAMED]
    )
    return (
        f"{lost}. That was {losses} times in a row without a shard done in between, at "
        f"{at_work or 'nothing yet'}. Is there a document that the memory is too small for? The "
        "same command goes on from here; --batch-size 1 and fewer --actors take less memory"
    )


def _workers(run: CorpusRun, number: Optional[int]) -> Workers:
    from sept_allennlp.corpus import ray_pipeline

    archive_bytes = Path(run.archive).stat().st_size
    return plan_workers(ray_pipeline.machines(), archive_bytes, number, run.cpus, run.gpus)
