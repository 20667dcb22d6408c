import contextlib
import json
import os
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence

from sept_runtime.corpus.inputs import CorpusError, InputFile
from sept_runtime.corpus.records import Counts, ShardRecord
from sept_runtime.corpus.shards import Shard

_RUN = "run.json"
_LOCK = ".lock"
_ANNOTATIONS, _ERRORS, _DONE, _STARTED = "annotations", "errors", "done", "started"
_TEMPORARY = ".tmp"


class OutputFolder:
    """
    The folder that a run writes into, and the only thing that knows how far that is:

    - annotations/ has one file for each shard;
    - errors/ has, for each shard of which a line failed, a JSONL file with `file`, `line` and
      `error`;
    - done/ has a `ShardRecord` for each shard that is done, written after the others;
    - started/ has, while a run is on, a file for each shard at work, with a line for each attempt;
    - run.json says of which files, model and options all that is.

    # Parameters

    path : `Path`
    suffix : `str`
        The end of the names in annotations/.
    """

    def __init__(self, path: Path, suffix: str) -> None:
        self.path = path
        self._suffix = suffix

    @contextlib.contextmanager
    def claimed(self, settings: Dict[str, Any], inputs: Sequence[InputFile]) -> Iterator[None]:
        """
        Makes the folder, within, that of the run of these settings and inputs, and of this process.

        # Raises

        `CorpusError` if it belongs to another.
        """
        for file in inputs:
            if self.path.resolve() in Path(file.path).resolve().parents:
                raise CorpusError(
                    f"{file.path}: is in the output folder; write the output somewhere else"
                )
        run = {"settings": settings, "inputs": [asdict(file) for file in inputs]}
        self._check(run)
        for name in (_ANNOTATIONS, _ERRORS, _DONE, _STARTED):
            (self.path / name).mkdir(parents=True, exist_ok=True)
        with self._locked():
            # Once more, now that nobody else can have begun.
            self._check(run)
            if not (self.path / _RUN).exists():
                write_whole(self.path / _RUN, (json.dumps(run, indent=1) + "\n").encode())
            leftovers = [*self.path.rglob(f"*{_TEMPORARY}"), *(self.path / _STARTED).iterdir()]
            for leftover in leftovers:
                # A worker of a killed run may be at it still, and finish.
                leftover.unlink(missing_ok=True)
            yield

    def _check(self, run: Dict[str, Any]) -> None:
        if not (self.path / _RUN).exists():
            names = {path.name for path in self.path.glob("*")} - _OURS
            strange = sorted(name for name in names if not name.endswith(_TEMPORARY))
            if strange:
                raise CorpusError(
                    f"{self.path}: holds {strange[0]!r}, which is not of a corpus run; give a new "
                    "folder"
                )
            return
        begun = json.loads((self.path / _RUN).read_text())
        difference = _difference(begun, run)
        if difference:
            raise CorpusError(
                f"{self.path}: belongs to another run, {difference}; give the same arguments to "
                "go on with it, or a new output folder"
            )

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        # Only here: Windows has none, and `--include-package sept_allennlp` imports this file.
        import fcntl

        with (self.path / _LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CorpusError(f"{self.path}: another process is writing to it") from None
            except OSError:
                # A file system without locks. Two runs would do the same work twice and write
                # the same files.
                pass
            yield

    def start(self, shard: Shard) -> None:
        """Remembers that a worker is at a shard."""
        with (self.path / _STARTED / f"{shard.name}.jsonl").open("a") as file:
            file.write(json.dumps(asdict(shard)) + "\n")

    def started(self) -> List[Shard]:
        """Gives the shards that were begun and are not done, the most often tried first."""
        lines = [path.read_text().splitlines() for path in (self.path / _STARTED).iterdir()]
        lines.sort(key=len, reverse=True)
        shards = [Shard(**json.loads(attempts[-1])) for attempts in lines]
        return [shard for shard in shards if not self._record(shard).exists()]

    def write(self, shard: Shard, annotations: bytes, errors: bytes) -> None:
        """Writes what a shard's record is then about."""
        write_whole(self._annotations(shard), annotations)
        if errors:
            write_whole(self._error_file(shard), errors)
        else:
            # An earlier attempt may have failed where this one did not.
            self._error_file(shard).unlink(missing_ok=True)

    def commit(self, record: ShardRecord) -> None:
        """Makes a shard that is written one that is done. Doing it twice is as good as once."""
        content = record.to_json().encode()
        write_whole(self._record(record.shard), content)
        (self.path / _STARTED / f"{record.shard.name}.jsonl").unlink(missing_ok=True)

    def done(self) -> List[ShardRecord]:
        """Gives the records of what is done, in the order of the input."""
        records = (self.path / _DONE).glob("*.json")
        done = [ShardRecord.from_json(record.read_text()) for record in records]
        return sorted(done, key=lambda record: (record.shard.file, record.shard.number))

    def check(self, inputs: Sequence[InputFile]) -> Counts:
        """
        Counts what has been done, if that is all of it.

        # Raises

        `CorpusError` if a line is missing, or a file that should hold it.
        """
        done = self.done()
        by_file: Dict[int, List[ShardRecord]] = {}
        for record in done:
            by_file.setdefault(record.shard.file, []).append(record)
        for index, file in enumerate(inputs):
            fault = self._fault(by_file.get(index, []))
            if fault:
                raise CorpusError(f"{file.path}: is not annotated completely, {fault}")
        counts = Counts(
            read=sum(record.shard.num_lines for record in done),
            annotated=sum(record.annotated for record in done),
            failed=sum(record.failed for record in done),
            shards=len(done),
        )
        files = sum(1 for _ in (self.path / _ANNOTATIONS).glob(f"*{self._suffix}"))
        if files != counts.shards:
            raise CorpusError(
                f"{self.path}: holds {files} shards where {counts.shards} were written"
            )
        if counts.read != counts.annotated + counts.failed:
            raise CorpusError(f"{self.path}: the counts do not agree, {counts}")
        return counts

    def _fault(self, records: Sequence[ShardRecord]) -> Optional[str]:
        line = 1
        for number, record in enumerate(records):
            shard = record.shard
            if shard.number != number or shard.first_line != line:
                return f"lines are missing from line {line} on"
            if record.annotated + record.failed != shard.num_lines:
                return (
                    f"of the {shard.num_lines} lines from line {line} on, {record.annotated} were "
                    f"annotated and {record.failed} failed"
                )
            files = [(self._annotations(shard), record.shard_bytes)]
            files += [(self._error_file(shard), record.error_bytes)] if record.failed else []
            for path, size in files:
                if not path.is_file() or path.stat().st_size != size:
                    return (
                        f"{path} is missing or was changed; remove {self._record(shard)} to have "
                        "it written anew"
                    )
            line += shard.num_lines
        if not records or not records[-1].shard.last:
            return f"lines are missing from line {line} on"
        return None

    def _annotations(self, shard: Shard) -> Path:
        return self.path / _ANNOTATIONS / f"{shard.name}{self._suffix}"

    def _record(self, shard: Shard) -> Path:
        return self.path / _DONE / f"{shard.name}.json"

    def _error_file(self, shard: Shard) -> Path:
        return self.path / _ERRORS / f"{shard.name}.jsonl"


_OURS = {_RUN, _LOCK, _ANNOTATIONS, _ERRORS, _DONE, _STARTED}


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file that nobody can find half written, not even after the machine has failed."""
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}{_TEMPORARY}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _difference(begun: Dict[str, Any], run: Dict[str, Any]) -> Optional[str]:
    """What makes two runs different, in words."""
    for name, value in run["settings"].items():
        there = begun["settings"].get(name)
        if there != value:
            return f"whose {name} is {json.dumps(there)} and not {json.dumps(value)}"
    for there, here in zip(begun["inputs"], run["inputs"]):
        if there["path"] != here["path"]:
            return f"whose inputs have {there['path']} where these have {here['path']}"
        if there != here:
            return f"for which {here['path']} was another file: it has changed since"
    if len(begun["inputs"]) != len(run["inputs"]):
        return f"whose inputs are {len(begun['inputs'])} files and not {len(run['inputs'])}"
    return None
