import contextlib
import errno
import os
import shutil
import time
import uuid
from collections import defaultdict
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Set, Type

import msgspec

from sept_runtime.corpus.inputs import InputFile
from sept_runtime.corpus.shards import Shard
from sept_runtime.errors import CorpusError

_RUN, _LOCK = "run.json", ".lock"
_ANNOTATIONS, _ERRORS, _DONE, _TEMPORARY = "annotations", "errors", "done", "temporary"
_OURS = {_RUN, _LOCK, _ANNOTATIONS, _ERRORS, _DONE, _TEMPORARY}

# How often to try to remove a folder in which a worker that was given up may still create files.
_MAX_REMOVALS = 10
# How many files a message names.
_MAX_NAMED = 3


class ShardRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """
    The record of a finished shard.

    # Parameters

    shard : `Shard`
    annotated, failed : `int`
        The number of documents in its file of annotations and in its file of errors.
    shard_bytes, error_bytes : `int`
        The sizes of these files. A shard without errors has no file of errors.
    seconds : `Dict[str, float]`
        The time that "reading", "annotating" and "writing" took, and "processor": the CPU time of
        the last two.
    started : `float`
        When prediction began, in seconds since 1970.
    skipped : `int`, optional (default = `0`)
        The number of records without a text, which are in neither file.
    reason : `str`, optional (default = `""`)
        Why the first of them was skipped.
    """

    shard: Shard
    annotated: int
    failed: int
    shard_bytes: int
    error_bytes: int
    seconds: Dict[str, float]
    started: float
    skipped: int = 0
    reason: str = ""


class Counts(NamedTuple):
    """The number of lines read, their results, and why the first one was skipped."""

    read: int
    annotated: int
    failed: int
    shards: int
    skipped: int = 0
    reason: str = ""

    def __str__(self) -> str:
        skipped = f" + {self.skipped:,} skipped" if self.skipped else ""
        return (
            f"{self.read:,} lines in = {self.annotated:,} annotated + {self.failed:,} failed"
            f"{skipped}"
        )


class _Run(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of run.json."""

    settings: Dict[str, Any]
    inputs: List[InputFile]


def unfinished_files(done: Sequence[ShardRecord], num_files: int) -> Dict[int, Set[int]]:
    """Map each file that is not finished to the numbers of those of its shards that are."""
    by_file: Dict[int, Dict[int, Shard]] = {index: {} for index in range(num_files)}
    for record in done:
        by_file[record.shard.file][record.shard.number] = record.shard
    return {index: {*shards} for index, shards in by_file.items() if not _is_complete(shards)}


def _is_complete(shards: Dict[int, Shard]) -> bool:
    return bool(shards) and shards[max(shards)].last and len(shards) == max(shards) + 1


class OutputFolder:
    """
    The folder that a run writes into, which alone holds the state of the run.

    - annotations/ has one file for each shard.
    - errors/ has a JSONL file with `file`, `line` and `error` for each shard with failed lines.
    - done/ has a `ShardRecord` for each finished shard, written after the other two files.
    - temporary/ has a folder for the current attempt, in which files are written before they are
      moved to their places. It exists during a run only.
    - run.json has the settings and the input files of the run.

    An *attempt* is a group of workers that were started together. When a worker dies, all are
    replaced by a new attempt. Removing an attempt's temporary folder fences it off: a worker that
    was given up and wakes up later has no file that it could move, so that it cannot change the
    output any more.

    # Parameters

    path : `Path`
    suffix : `str`
        The end of the file names in annotations/.
    """

    def __init__(self, path: Path, suffix: str) -> None:
        self.path = path
        self._suffix = suffix

    @contextlib.contextmanager
    def claimed(self, settings: Dict[str, Any], inputs: Sequence[InputFile]) -> Iterator[None]:
        """
        Reserve the folder for this process, and for a run with these settings and inputs.

        # Raises

        `CorpusError` if the folder belongs to another run or is in use.
        """
        for file in inputs:
            if self.path.resolve() in Path(file.path).resolve().parents:
                raise CorpusError(
                    f"{file.path} is in the output folder. Choose another output folder."
                )
        run = _Run(settings, [*inputs])
        self._check_run(run)
        self.path.mkdir(parents=True, exist_ok=True)
        with self._locked():
            # Again, because another process may have begun a run before this one had the lock.
            self._check_run(run)
            for name in (_ANNOTATIONS, _ERRORS, _DONE):
                (self.path / name).mkdir(exist_ok=True)
            if not (self.path / _RUN).exists():
                content = msgspec.json.format(msgspec.json.encode(run), indent=1) + b"\n"
                self._write({self.path / _RUN: content}, self.begin_attempt())
            try:
                yield
            finally:
                self.end_attempts()

    def _check_run(self, run: _Run) -> None:
        if not (self.path / _RUN).exists():
            unknown = sorted(name for name in _names(self.path) if name not in _OURS)
            if unknown:
                raise CorpusError(
                    f"{self.path} contains {unknown[0]!r}, which is not part of an annotated "
                    "corpus. Choose a new output folder."
                )
            return
        difference = _difference(_read(self.path / _RUN, _Run), run)
        if difference:
            raise CorpusError(
                f"{self.path} belongs to another run: {difference}. Give the same arguments to "
                "continue that run, or choose a new output folder."
            )

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        # Imported here: Windows does not have it, and `--include-package` imports this module.
        import fcntl

        with (self.path / _LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CorpusError(
                    f"{self.path} is in use by another process. Wait until it ends, or stop it."
                ) from None
            except OSError:
                # A file system without locks. A second run fences off the workers of the first.
                pass
            yield

    def begin_attempt(self) -> str:
        """
        Begin an attempt and return its name.

        Earlier attempts are fenced off, and what they left unfinished is removed.
        """
        self.end_attempts()
        attempt = uuid.uuid4().hex
        (self.path / _TEMPORARY / attempt).mkdir(parents=True)
        done = {path.stem for path in (self.path / _DONE).glob("*.json")}
        for folder, suffix in ((_ANNOTATIONS, self._suffix), (_ERRORS, ".jsonl")):
            for path in (self.path / folder).glob(f"[0-9]*-[0-9]*{suffix}"):
                if path.name.removesuffix(suffix) not in done:
                    path.unlink()
        return attempt

    def end_attempts(self) -> None:
        """Fence off all attempts by removing their temporary folders."""
        temporary = self.path / _TEMPORARY
        for number in range(_MAX_REMOVALS):
            try:
                shutil.rmtree(temporary)
                return
            except FileNotFoundError:
                # Either the folder is gone, or a worker has just moved or removed a file in it.
                if not temporary.exists():
                    return
            except OSError as error:
                # A worker has just created a file in the folder.
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
            time.sleep(0.01 * number)
        raise CorpusError(
            f"{temporary} could not be removed, because a process keeps writing to it. End that "
            "process, then run the same command again."
        )

    def write(self, attempt: str, shard: Shard, annotations: bytes, errors: bytes) -> None:
        """
        Write a shard's files.

        # Raises

        `CorpusError` if the attempt was fenced off, or if the file system refuses the files.
        """
        contents = {self._annotations(shard): annotations}
        if errors:
            contents[self._error_file(shard)] = errors
        self._write(contents, attempt)

    def commit(self, attempt: str, record: ShardRecord) -> None:
        """Write a shard's record, which makes it a finished shard. Raises as `write` does."""
        self._write({self._record(record.shard): msgspec.json.encode(record)}, attempt)

    def _write(self, contents: Dict[Path, bytes], attempt: str) -> None:
        """Write files so that each is complete or absent, even after a power failure."""
        temporary = self.path / _TEMPORARY / attempt
        try:
            for path, content in contents.items():
                _write_synced(temporary / f"{path.parent.name}-{path.name}", content)
            for path in contents:
                os.replace(temporary / f"{path.parent.name}-{path.name}", path)
            for folder in {path.parent for path in contents}:
                _sync_folder(folder)
        except OSError as error:
            if not temporary.is_dir():
                raise CorpusError(
                    f"{self.path} is being written to by another run, which has taken over."
                ) from None
            if error.errno in _LASTING_ERRORS:
                raise CorpusError(
                    f"{self.path} cannot be written to: {error.strerror}. Solve this, then "
                    "run the same command again to continue."
                ) from None
            raise

    def done(self) -> List[ShardRecord]:
        """Return the records of finished shards, in the order of the input."""
        records = [_read(path, ShardRecord) for path in (self.path / _DONE).glob("*.json")]
        return sorted(records, key=lambda record: (record.shard.file, record.shard.number))

    def first_error(self) -> Dict[str, Any]:
        """Return the `file`, `line` and `error` of the first line that failed."""
        path = min((self.path / _ERRORS).glob("*.jsonl"))
        with path.open("rb") as file:
            error: Dict[str, Any] = msgspec.json.decode(file.readline())
        return error

    def check(self, inputs: Sequence[InputFile]) -> Counts:
        """
        Compare the folder's files with the records, and the records with the inputs.

        # Raises

        `CorpusError` if a line or a file is missing, or if there is a file too many.
        """
        done = self.done()
        by_file: Dict[int, List[ShardRecord]] = defaultdict(list)
        for record in done:
            by_file[record.shard.file].append(record)
        for index, file in enumerate(inputs):
            fault = self._fault(by_file.pop(index, []))
            if fault:
                raise CorpusError(f"{file.path} is not annotated completely: {fault}.")
        shards = [record.shard for record in done]
        failed = [record.shard for record in done if record.failed]
        self._check_names(_ANNOTATIONS, map(self._annotations, shards))
        self._check_names(_ERRORS, map(self._error_file, failed))
        self._check_names(_DONE, map(self._record, shards))
        return Counts(
            read=sum(record.shard.num_lines for record in done),
            annotated=sum(record.annotated for record in done),
            failed=sum(record.failed for record in done),
            shards=len(done),
            skipped=sum(record.skipped for record in done),
            reason=next((record.reason for record in done if record.skipped), ""),
        )

    def _fault(self, records: Sequence[ShardRecord]) -> Optional[str]:
        line = 1
        for number, record in enumerate(records):
            shard = record.shard
            if shard.number != number or shard.first_line != line:
                return f"lines are missing from line {line} on"
            if record.annotated + record.failed + record.skipped != shard.num_lines:
                return (
                    f"of the {shard.num_lines} lines from line {line} on, {record.annotated} were "
                    f"annotated, {record.failed} failed and {record.skipped} were skipped"
                )
            sizes = {self._annotations(shard): record.shard_bytes}
            if record.failed:
                sizes[self._error_file(shard)] = record.error_bytes
            for path, size in sizes.items():
                if not path.is_file() or path.stat().st_size != size:
                    return (
                        f"{path} is missing or was changed. Remove {self._record(shard)} and run "
                        "the same command again to rewrite it"
                    )
            line += shard.num_lines
        if not records or not records[-1].shard.last:
            return f"lines are missing from line {line} on"
        return None

    def _check_names(self, folder: str, expected: Iterable[Path]) -> None:
        unknown = sorted(_names(self.path / folder) - {path.name for path in expected})
        if unknown:
            named = ", ".join(unknown[:_MAX_NAMED]) + (", ..." if unknown[_MAX_NAMED:] else "")
            raise CorpusError(
                f"{self.path / folder} contains files that are not part of this run: {named}. "
                "Move them elsewhere, because readers of the folder would read them, too."
            )

    def _annotations(self, shard: Shard) -> Path:
        return self.path / _ANNOTATIONS / f"{shard.name}{self._suffix}"

    def _record(self, shard: Shard) -> Path:
        return self.path / _DONE / f"{shard.name}.json"

    def _error_file(self, shard: Shard) -> Path:
        return self.path / _ERRORS / f"{shard.name}.jsonl"


# Errors of the file system that another worker would meet, too.
_LASTING_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


def _names(folder: Path) -> Set[str]:
    """Return the names that `*` matches."""
    if not folder.is_dir():
        return set()
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def _write_synced(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems do not do this for folders.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


def _read(path: Path, kind: Type[Any]) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except msgspec.DecodeError as error:
        advice = (
            "Choose a new output folder."
            if kind is _Run
            else "Remove it and run the same command again to rewrite its shard."
        )
        raise CorpusError(f"{path} is damaged: {error}. {advice}") from None


def _difference(begun: _Run, run: _Run) -> Optional[str]:
    """Describe the first difference of two runs."""
    for name in {**begun.settings, **run.settings}:
        there, here = begun.settings.get(name), run.settings.get(name)
        if there != here:
            return f"its {name} is {_as_json(there)}, not {_as_json(here)}"
    for old, new in zip(begun.inputs, run.inputs):
        if old.path != new.path:
            return f"it reads {old.path} where this run reads {new.path}"
        if old != new:
            return f"{new.path} has changed since it began"
    if len(begun.inputs) != len(run.inputs):
        return f"it has {len(begun.inputs)} input files, not {len(run.inputs)}"
    return None


def _as_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
