import contextlib
import json
import os
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Set

from sept_allennlp.corpus.inputs import CorpusError, InputFile
from sept_allennlp.corpus.units import Unit

_RUN = "run.json"
_LOCK = ".lock"
_ANNOTATIONS, _ERRORS, _DONE, _STARTED = "annotations", "errors", "done", "started"
_TEMPORARY = ".tmp"


@dataclass(frozen=True)
class DoneUnit:
    """
    The record of a unit that is done.

    # Parameters

    unit : `Unit`
    annotated, failed : `int`
        How many documents its shard and its file of errors hold.
    shard_bytes, error_bytes : `int`
        The sizes of these files.
    seconds : `Dict[str, float]`
        How long "reading", "annotating" and "writing" took.
    started : `float`
        When annotating began, in seconds since 1970.
    """

    unit: Unit
    annotated: int
    failed: int
    shard_bytes: int
    error_bytes: int
    seconds: Dict[str, float]
    started: float

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "DoneUnit":
        fields = json.loads(text)
        return cls(**{**fields, "unit": Unit(**fields["unit"])})


class Counts(NamedTuple):
    """How many lines went in, and what came out."""

    read: int
    annotated: int
    failed: int
    shards: int

    def __str__(self) -> str:
        return f"{self.read:,} lines in = {self.annotated:,} annotated + {self.failed:,} failed"


class OutputFolder:
    """
    The folder that a corpus is annotated into, and the only thing that knows how far that is:

    - annotations/ has one shard for each unit;
    - errors/ has, for each unit of which a line failed, a JSONL file with `file`, `line` and
      `error`;
    - done/ has a `DoneUnit` for each unit that is done, written after the others;
    - started/ has, while a run is on, a file for each unit at work, with a line for each attempt;
    - run.json says of which files, model and options all that is.

    # Parameters

    path : `Path`
    suffix : `str`
        The end of the shards' names.
    """

    def __init__(self, path: Path, suffix: str) -> None:
        self.path = path
        self._suffix = suffix

    @contextlib.contextmanager
    def claimed(self, settings: Dict[str, Any], inputs: Sequence[InputFile]) -> Iterator[None]:
        """
        Within, the folder belongs to the run of these settings and inputs, and to this process.

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
        # Only here: Windows has none, and every start of AllenNLP imports this file.
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

    def start(self, unit: Unit) -> None:
        """Remembers that a worker is at a unit."""
        with (self.path / _STARTED / f"{unit.name}.jsonl").open("a") as file:
            file.write(json.dumps(asdict(unit)) + "\n")

    def started(self) -> List[Unit]:
        """The units that were begun and are not done, the one that was tried most often first."""
        lines = [path.read_text().splitlines() for path in (self.path / _STARTED).iterdir()]
        lines.sort(key=len, reverse=True)
        units = [Unit(**json.loads(attempts[-1])) for attempts in lines]
        return [unit for unit in units if not self._record(unit).exists()]

    def write(self, unit: Unit, shard: bytes, errors: bytes) -> None:
        """Writes what a unit's record is then about."""
        write_whole(self._shard(unit), shard)
        if errors:
            write_whole(self._error_file(unit), errors)
        else:
            # An earlier attempt may have failed where this one did not.
            self._error_file(unit).unlink(missing_ok=True)

    def commit(self, record: DoneUnit) -> None:
        """Makes a unit that is written one that is done. Doing it twice is as good as once."""
        content = record.to_json().encode()
        write_whole(self._record(record.unit), content)
        (self.path / _STARTED / f"{record.unit.name}.jsonl").unlink(missing_ok=True)

    def done(self) -> List[DoneUnit]:
        """The units that are done, in the order of the input."""
        records = (self.path / _DONE).glob("*.json")
        done = [DoneUnit.from_json(record.read_text()) for record in records]
        return sorted(done, key=lambda record: (record.unit.file, record.unit.number))

    def check(self, inputs: Sequence[InputFile]) -> Counts:
        """
        What has been done, if that is all of it.

        # Raises

        `CorpusError` if a line is missing, or a file that should hold it.
        """
        done = self.done()
        by_file: Dict[int, List[DoneUnit]] = {}
        for record in done:
            by_file.setdefault(record.unit.file, []).append(record)
        for place, file in enumerate(inputs):
            fault = self._fault(by_file.get(place, []))
            if fault:
                raise CorpusError(f"{file.path}: is not annotated completely, {fault}")
        counts = Counts(
            read=sum(record.unit.num_lines for record in done),
            annotated=sum(record.annotated for record in done),
            failed=sum(record.failed for record in done),
            shards=len(done),
        )
        shards = sum(1 for _ in (self.path / _ANNOTATIONS).glob(f"*{self._suffix}"))
        if shards != counts.shards:
            raise CorpusError(
                f"{self.path}: holds {shards} shards where {counts.shards} were written"
            )
        if counts.read != counts.annotated + counts.failed:
            raise CorpusError(f"{self.path}: the counts do not agree, {counts}")
        return counts

    def _fault(self, records: Sequence[DoneUnit]) -> Optional[str]:
        line = 1
        for number, record in enumerate(records):
            unit = record.unit
            if unit.number != number or unit.first_line != line:
                return f"the unit from line {line} on is not done"
            if record.annotated + record.failed != unit.num_lines:
                return (
                    f"of the {unit.num_lines} lines from line {line} on, {record.annotated} were "
                    f"annotated and {record.failed} failed"
                )
            files = [(self._shard(unit), record.shard_bytes)]
            files += [(self._error_file(unit), record.error_bytes)] if record.failed else []
            for path, size in files:
                if not path.is_file() or path.stat().st_size != size:
                    return (
                        f"{path} is missing or was changed; remove {self._record(unit)} to have it "
                        "written anew"
                    )
            line += unit.num_lines
        if not records or not records[-1].unit.last:
            return f"the unit from line {line} on is not done"
        return None

    def _shard(self, unit: Unit) -> Path:
        return self.path / _ANNOTATIONS / f"{unit.name}{self._suffix}"

    def _record(self, unit: Unit) -> Path:
        return self.path / _DONE / f"{unit.name}.json"

    def _error_file(self, unit: Unit) -> Path:
        return self.path / _ERRORS / f"{unit.name}.jsonl"


_OURS = {_RUN, _LOCK, _ANNOTATIONS, _ERRORS, _DONE, _STARTED}


def finished_units(done: Sequence[DoneUnit], num_files: int) -> List[Optional[Set[int]]]:
    """For each file the numbers of its units that are done; `None` if all of them are."""
    finished: List[Optional[Set[int]]] = []
    by_file: List[Dict[int, Unit]] = [{} for _ in range(num_files)]
    for record in done:
        by_file[record.unit.file][record.unit.number] = record.unit
    for units in by_file:
        complete = bool(units) and units[max(units)].last and len(units) == max(units) + 1
        finished.append(None if complete else {*units})
    return finished


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
