"""
Trainings that are killed, or whose disk is full, at a chosen write.

As a command, every write of a three-epoch training is killed once before and once within it, and
once fails for a full disk; then the training is recovered. It prints what each ended in:

    python -m tests.sept_allennlp.training.faults
"""

import errno
import io
import json
import os
import shutil
import sys
import tarfile
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

import torch
from allennlp.commands.train import train_model
from allennlp.common import Params

from sept_allennlp.archives import load_archive
from tests.experiments import experiment

KINDS = ("before", "within", "full disk")
_KILLED = 9

# Called with the operation and its file, before it is done.
OnWrite = Callable[[str, str], None]


def three_epochs(overrides: Optional[Dict[str, Any]] = None) -> Params:
    """Return the configuration of a training of three epochs that each improve on the last one."""
    # With this metric, as the tiny encoder's F1 may stay zero.
    quick = {"dataset_reader.max_instances": 4, "trainer.validation_metric": "-loss"}
    return experiment({"trainer.num_epochs": 3, **quick, **(overrides or {})})


def watch_writes(folder: Path, on_write: OnWrite) -> None:
    """Call `on_write` for each write of this process below the folder, from now on."""
    save = torch.save

    def save_watched(value: Any, file: Any, *args: Any, **kwargs: Any) -> None:
        # PyTorch opens files in C++, which Python's audit hooks do not see.
        on_write("save", str(file))
        save(value, file, *args, **kwargs)

    def hook(event: str, arguments: Tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str):
            path, mode, flags = arguments
            if flags & (os.O_WRONLY | os.O_RDWR) and str(path).startswith(str(folder)):
                on_write("open", path)
        elif event in ("os.rename", "os.remove", "os.mkdir", "os.link"):
            path = str(arguments[1] if event == "os.rename" else arguments[0])
            if path.startswith(str(folder)):
                on_write(event, path)

    torch.save = save_watched
    sys.addaudithook(hook)


def in_child(work: Callable[[], None]) -> int:
    """Run the function in a forked process and return its exit status."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def writes_of(params: Callable[[], Params], folder: Path) -> List[Tuple[str, str]]:
    """Return the operations and files of a training's writes, in order."""
    record = folder.with_suffix(".writes")

    def work() -> None:
        written: List[Tuple[str, str]] = []
        watch_writes(folder, lambda operation, path: written.append((operation, path)))
        train_model(params(), str(folder))
        record.write_text(json.dumps(written))

    assert in_child(work) == 0
    return [(kind, os.path.relpath(path, folder)) for kind, path in json.loads(record.read_text())]


def train_with_fault(params: Callable[[], Params], folder: Path, number: int, kind: str) -> None:
    """Train until the write of this number, which is killed or fails."""

    def work() -> None:
        count = 0

        def on_write(operation: str, path: str) -> None:
            nonlocal count
            count += 1
            if count < number + 1 or (count > number + 1 and kind != "full disk"):
                return
            if kind == "full disk":
                # From now on, but what is there can be removed.
                if operation in ("save", "open", "os.mkdir"):
                    raise OSError(errno.ENOSPC, "No space left on device", path)
                return
            if kind == "within" and operation in ("save", "open"):
                with Path(path).open("ab") as file:
                    # The beginning of a zip file, which is what PyTorch writes.
                    file.write(b"PK\x03\x04" + bytes(1000) if operation == "save" else b"{")
            os._exit(_KILLED)

        watch_writes(folder, on_write)
        train_model(params(), str(folder))

    status = in_child(work)
    assert status == (1 if kind == "full disk" else _KILLED), status


def recover(params: Callable[[], Params], folder: Path) -> None:
    """Recover a training, or start it as new where nothing has been written."""
    has_begun = folder.exists() and any(folder.iterdir())
    train_model(params(), str(folder), recover=has_begun)


def result(folder: Path) -> Tuple[Dict[str, Any], Dict[str, torch.Tensor]]:
    """Return the metrics and the archived weights of a finished training."""
    metrics = json.loads((folder / "metrics.json").read_text())
    load_archive(folder / "model.tar.gz")
    with tarfile.open(folder / "model.tar.gz") as archive:
        file = archive.extractfile("weights.th")
        assert file is not None
        # In memory, because several processes may look at one folder at the same time.
        weights = torch.load(io.BytesIO(file.read()))
    timeless = {k: v for k, v in metrics.items() if "duration" not in k and "memory" not in k}
    return timeless, weights


def same(one: Tuple[Any, Any], other: Tuple[Any, Any]) -> bool:
    """Tell whether two results are equal to the last bit."""
    return one[0] == other[0] and all(torch.equal(one[1][name], other[1][name]) for name in one[1])


def main() -> None:
    """Inject every fault and print what each training ended in."""
    root = Path(tempfile.mkdtemp())
    writes = writes_of(three_epochs, root / "whole")
    undisturbed = result(root / "whole")
    ends: Counter[str] = Counter()
    for kind in KINDS:
        for number, (operation, path) in enumerate(writes):
            # What only renames or removes has no half, and works on a full disk.
            if kind != "before" and operation not in ("save", "open", "os.mkdir"):
                continue
            if kind == "within" and operation == "os.mkdir":
                continue
            run = root / "run"
            shutil.rmtree(run, ignore_errors=True)
            train_with_fault(three_epochs, run, number, kind)
            answer = root / "answer"
            answer.write_text("killed")

            def work(run: Path = run, answer: Path = answer) -> None:
                try:
                    recover(three_epochs, run)
                    equal = same(result(run), undisturbed)
                    answer.write_text("as undisturbed" if equal else "another result")
                except Exception as error:
                    answer.write_text(f"{type(error).__name__}: {str(error)[:200]}")

            in_child(work)
            ended = answer.read_text().replace(str(run), "RUN")
            ends[f"{kind}: {ended}"] += 1
            print(kind, number, operation, path, "->", ended, flush=True)
    print()
    for ended, count in sorted(ends.items()):
        print(f"{count:4} {ended}")
    shutil.rmtree(root)


if __name__ == "__main__":
    main()
