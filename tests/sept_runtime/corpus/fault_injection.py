"""
Inject each fault into each operation of a small run, run it again, and compare its content with
that of an undisturbed run. Prints the numbers of faults for docs/scaling.md, or JSON. Stops at the
first difference.

    python -m tests.sept_runtime.corpus.fault_injection
"""

import errno
import gzip
import json
import os
import signal
import sys
import tempfile
import threading
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NoReturn, Optional

from sept_runtime.corpus.cluster import WorkerDied
from sept_runtime.corpus.output_folder import Counts
from sept_runtime.corpus.run import predict_corpus
from sept_runtime.corpus.settings import CorpusSettings, ModelSettings
from sept_runtime.errors import CorpusError
from tests.sept_runtime.corpus.in_process import (
    InProcessCluster,
    WordShardPredictor,
    WorkerThread,
)

# The operations of a run on its output.
OPERATIONS = ("open", "write", "fsync", "replace", "mkdir", "rmdir", "unlink")

Content = Dict[str, bytes]


class Disk:
    """
    Counts the operations, and remembers what a power failure would undo.

    # Parameters

    fault : `Callable[[Disk, str], Any]`, optional
        Called before operation `at`, with its name.
    at : `int`, optional
    """

    def __init__(self, fault: Optional[Callable[["Disk", str], Any]] = None, at: int = -1) -> None:
        self._fault, self._at = fault, at
        self.operations: List[str] = []
        # The indices of operations by workers.
        self.of_workers: List[int] = []
        self._paths: Dict[int, Path] = {}
        self._unsynced_files: Dict[Path, None] = {}
        # Targets of renames that are not on the disk yet, with their earlier content.
        self._unsynced_renames: Dict[Path, Optional[bytes]] = {}
        self._originals = {name: getattr(os, name) for name in OPERATIONS}

    @contextmanager
    def watched(self) -> Iterator[None]:
        for name in OPERATIONS:
            setattr(os, name, lambda *args, name=name, **kwargs: self._call(name, args, kwargs))
        try:
            yield
        finally:
            for name, original in self._originals.items():
                setattr(os, name, original)

    def _call(self, name: str, args: Any, kwargs: Any) -> Any:
        index = len(self.operations)
        self.operations.append(name)
        if isinstance(threading.current_thread(), WorkerThread):
            self.of_workers.append(index)
        if index == self._at and self._fault is not None:
            if name == "write":
                # Half of it arrives before the fault.
                descriptor, content = args
                self._originals["write"](descriptor, content[: len(content) // 2])
            self._fault(self, name)
            if name == "write":
                os.lseek(descriptor, 0, os.SEEK_SET)
        if name == "replace":
            source, target = map(Path, args)
            earlier = target.read_bytes() if target.exists() else None
        result = None if name == "fsync" else self._originals[name](*args, **kwargs)
        if name == "open" and "dir_fd" not in kwargs:
            self._paths[result] = Path(args[0])
        elif name == "write":
            self._unsynced_files[self._paths[args[0]]] = None
        elif name == "fsync":
            path = self._paths[args[0]]
            self._unsynced_files.pop(path, None)
            for target in [target for target in self._unsynced_renames if target.parent == path]:
                del self._unsynced_renames[target]
        elif name == "replace":
            self._unsynced_renames.setdefault(target, earlier)
            if source in self._unsynced_files:
                del self._unsynced_files[source]
                self._unsynced_files[target] = None
        return result

    def lose_unsynced(self, end: Optional[int]) -> None:
        """Undo what is not on the disk: the renames before `end`, and the content of files."""
        for path in self._unsynced_files:
            if path.exists():
                path.write_bytes(b"")
        for target, earlier in [*self._unsynced_renames.items()][:end]:
            if earlier is None:
                target.unlink()
            else:
                target.write_bytes(earlier)


class SmallRun:
    """A corpus of three files in six shards, some of whose lines fail."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        corpus = folder / "corpus"
        corpus.mkdir()
        lines = [json.dumps({"id": n, "text": "A parser " * (n + 1)}).encode() for n in range(8)]
        (corpus / "a.jsonl").write_bytes(b"\n".join([*lines[:3], b"not JSON", lines[4]]))
        (corpus / "b.jsonl.gz").write_bytes(gzip.compress(b"\n".join(lines[5:])))
        (corpus / "c.jsonl").touch()
        model = folder / "model"
        model.touch()
        self._options: Dict[str, Any] = {
            "model": ModelSettings.of(str(model)),
            "inputs": (str(corpus),),
            "compression": "none",
            "lines_per_shard": 2,
            # No thread that reports now and then.
            "progress_seconds": 3600.0,
        }
        self._number = 0

    def new_output(self) -> Path:
        self._number += 1
        return self._folder / str(self._number)

    def run(self, output: Path, cluster: Optional[InProcessCluster] = None) -> None:
        settings = CorpusSettings(output=output, **self._options)
        found = cluster or InProcessCluster()
        counts = predict_corpus(settings, lambda line: None, WordShardPredictor, lambda _: found)
        assert counts == Counts(8, 7, 1, 6), counts


def content(output: Path) -> Content:
    """Everything but times, which are different in each run."""
    found = {
        str(path.relative_to(output)): path.read_bytes()
        for path in output.rglob("*")
        if path.is_file()
    }
    for name in [name for name in found if name.startswith("done/")]:
        record = json.loads(found[name])
        del record["seconds"], record["started"]
        found[name] = json.dumps(record).encode()
    return found


def fail(number: int) -> Callable[[Disk, str], NoReturn]:
    def fault(disk: Disk, name: str) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return fault


def kill(disk: Disk, name: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def cut_power(end: Optional[int] = None) -> Callable[[Disk, str], None]:
    def fault(disk: Disk, name: str) -> None:
        disk.lose_unsynced(end)
        kill(disk, name)

    return fault


def get_stuck(disk: Disk, name: str) -> None:
    thread = threading.current_thread()
    assert isinstance(thread, WorkerThread)
    thread.get_stuck()


# Ways in which the process ends; nothing of it remains.
DEADLY = {
    "SIGKILL": kill,
    "power failure": cut_power(),
    # A file system may reorder what is not synced.
    "power failure that spares the last rename": cut_power(-1),
}
FAILING = {"ENOSPC": fail(errno.ENOSPC), "EIO": fail(errno.EIO)}


def in_child(run: Callable[[], None]) -> None:
    """Run in a process of its own, which must be killed."""
    child = os.fork()
    if child == 0:
        try:
            run()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the fault did not happen"


def attempt(run: Callable[[], None]) -> None:
    """Run once, which may fail."""
    try:
        run()
    except (CorpusError, OSError):
        pass


class Injection:
    def __init__(self, folder: Path) -> None:
        self._small = SmallRun(folder)
        output, self._disk, self._calls = self._small.new_output(), Disk(), []
        with self._disk.watched():
            self._small.run(output, InProcessCluster(self._calls.append))
        self._expected = content(output)
        self.faults: Counter[str] = Counter()

    def _check(self, output: Path, kind: str, place: str) -> None:
        """Run again if the run did not come to its end, and compare."""
        self._small.run(output)
        assert content(output) == self._expected, f"{kind} at {place}: another content in {output}"
        self.faults[kind] += 1

    def inject_into_disk(self) -> None:
        for at, name in enumerate(self._disk.operations):
            for kind, fault in {**FAILING, **DEADLY}.items():
                output, disk = self._small.new_output(), Disk(fault, at)

                def run(output: Path = output, disk: Disk = disk) -> None:
                    with disk.watched():
                        self._small.run(output)

                (in_child if kind in DEADLY else attempt)(run)
                self._check(output, kind, f"{name}, operation {at}")

    def inject_into_calls(self) -> None:
        for at, name in enumerate(self._calls):
            for kind in ("node death", "loss of the cluster", "SIGKILL"):
                output, calls = self._small.new_output(), []

                def called(name: str, kind: str = kind, calls: List[str] = calls, at: int = at):
                    calls.append(name)
                    if len(calls) != at + 1:
                        return
                    if kind == "SIGKILL":
                        os.kill(os.getpid(), signal.SIGKILL)
                    raise (WorkerDied if kind == "node death" else CorpusError)("lost")

                cluster = InProcessCluster(called)

                def run(output: Path = output, cluster: InProcessCluster = cluster) -> None:
                    self._small.run(output, cluster)

                (in_child if kind == "SIGKILL" else attempt)(run)
                place = f"{name}, call {at}"
                # The workers of that run wake up before the next run, and once more after it.
                for zombie in cluster.zombies:
                    attempt(zombie)
                self._check(output, kind, place)
                for zombie in cluster.zombies:
                    attempt(zombie)
                assert content(output) == self._expected, f"workers wake up after {kind} at {place}"

    def inject_zombies(self) -> None:
        for at in self._disk.of_workers:
            for kind in ("worker that wakes up in the next attempt", "worker that wakes up later"):
                output, disk = self._small.new_output(), Disk(get_stuck, at)
                cluster = InProcessCluster()

                def called(name: str, kind: str = kind, cluster: InProcessCluster = cluster):
                    if name == "start" and kind.endswith("attempt"):
                        for zombie in cluster.zombies:
                            attempt(zombie)

                cluster.called = called
                with disk.watched():
                    self._small.run(output, cluster)
                    assert cluster.zombies
                    for zombie in cluster.zombies:
                        attempt(zombie)
                self._check(output, kind, f"operation {at}")


def inject() -> Dict[str, int]:
    # In memory: nothing is to survive this machine.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        injection = Injection(Path(folder))
        injection.inject_into_disk()
        injection.inject_into_calls()
        injection.inject_zombies()
    return dict(injection.faults)


if __name__ == "__main__":
    faults = inject()
    if "--json" in sys.argv:
        print(json.dumps(faults))
    else:
        rows = [*faults.items(), ("**all**", sum(faults.values()))]
        print("| fault | number |", "| --- | --- |", sep="\n")
        print("\n".join(f"| {kind} | {number} |" for kind, number in rows))
