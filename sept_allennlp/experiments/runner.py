"""Runs the trainings of a suite, each in its own process, on shared cores and GPUs."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Deque, Dict, List, Optional

import torch

from sept_allennlp.experiments.checkpoints import remove_checkpoints, remove_partial_checkpoints
from sept_allennlp.experiments.errors import RunError
from sept_allennlp.experiments.results import collect, read_progress, readable
from sept_allennlp.experiments.training import (
    Status,
    Training,
    finish,
    status_of,
    train_command,
)

# A batch is a few abstracts, which cannot keep more cores than this busy.
_CORES_FOR_A_TRAINING = 4


@dataclass
class _Child:
    training: Training
    process: "subprocess.Popen[bytes]"
    device: Mapping[str, str]
    epochs: int
    reported: float


class Runner:
    """
    Runner of trainings, which keeps finished ones, resumes interrupted ones and survives failures.

    It reports each change of state in a line.

    # Parameters

    trainings : `Sequence[Training]`
    devices : `Sequence[Mapping[str, str]]`
        The environment variables of each training that runs at the same time, from
        `share_devices`.
    command : `Callable[[Training, Status], List[str]]`, optional
        The command for a training with this status.
    report : `Callable[[str], None]`, optional
        Called with each line. By default lines are printed.
    poll_seconds : `float`, optional (default = `1.0`)
        The interval between looks at the trainings.
    progress_seconds : `float`, optional (default = `60.0`)
        The shortest interval between reports on a running training.
    stop_seconds : `float`, optional (default = `30.0`)
        The time that a stopped training has to end by itself.
    """

    def __init__(
        self,
        trainings: Sequence[Training],
        devices: Sequence[Mapping[str, str]],
        command: Callable[[Training, Status], List[str]] = train_command,
        report: Optional[Callable[[str], None]] = None,
        poll_seconds: float = 1.0,
        progress_seconds: float = 60.0,
        stop_seconds: float = 30.0,
    ) -> None:
        self._trainings = trainings
        self._devices = list(devices)
        self._command = command
        self._report = report or _print_line
        self._poll_seconds = poll_seconds
        self._progress_seconds = progress_seconds
        self._stop_seconds = stop_seconds
        self._width = max((len(str(training)) for training in trainings), default=0)
        self._outcomes: Counter[str] = Counter()
        self._children: List[_Child] = []

    def survey(self) -> List[Training]:
        """Report the status of each training, and return those that are not finished."""
        waiting: List[Training] = []
        for training in self._trainings:
            try:
                found = status_of(training)
                if found is Status.FINISHED:
                    self._end(training, "kept", _scores(training))
                else:
                    self._report_on(training, f"waiting{_done(training, found)}")
                    waiting.append(training)
            except (RunError, OSError) as error:
                self._end(training, "refused", str(error))
        return waiting

    def run(self) -> bool:
        """
        Run all trainings, and return whether all are finished.

        # Raises

        `KeyboardInterrupt` and AllenNLP's `SigTermReceived`, after stopping the trainings.
        """
        waiting: Deque[Training] = deque(self.survey())
        free = list(self._devices)
        try:
            while waiting or self._children:
                while waiting and free:
                    training = waiting.popleft()
                    try:
                        started = self._start(training, free[-1])
                    except (RunError, OSError) as error:
                        self._end(training, "failed", str(error))
                        continue
                    if started:
                        free.pop()
                time.sleep(self._poll_seconds)
                for child in list(self._children):
                    if child.process.poll() is None:
                        self._report_progress(child)
                    else:
                        self._children.remove(child)
                        free.append(child.device)
                        self._ended(child)
        finally:
            self._stop()
        counts = [f"{count} {outcome}" for outcome, count in self._outcomes.items()]
        self._report(f"{len(self._trainings)} trainings: {', '.join(counts)}")
        return self._outcomes.keys() <= {"finished", "kept"}

    def _start(self, training: Training, device: Mapping[str, str]) -> bool:
        # Returns whether a process was started. Imported here because Windows has no fcntl.
        import fcntl

        training.log.parent.mkdir(parents=True, exist_ok=True)
        with training.log.open("ab") as log:
            # The training inherits the open file and with it the lock, which therefore holds as
            # long as the training lives, even if this process is killed.
            try:
                fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._end(training, "left alone", "another process is training it")
                return False
            # Again, now that no other process can change it.
            found = status_of(training)
            if found is Status.FINISHED:
                self._end(training, "kept", _scores(training))
                return False
            if found is Status.ENDED:
                finish(training)
                self._end(training, "finished", _scores(training))
                return False
            if found is not Status.NEW:
                remove_partial_checkpoints(training.folder)
            training.config_file.write_text(json.dumps(training.config, indent=2) + "\n")
            command = self._command(training, found)
            log.write(f"{_now()}  {' '.join(command)}\n".encode())
            log.flush()
            progress = read_progress(training.folder, training.config)
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **device},
                # Ctrl-C reaches only this process, which then stops its trainings.
                start_new_session=True,
            )
            epochs = progress.epochs if progress else 0
            self._children.append(_Child(training, process, device, epochs, time.monotonic()))
        verb = "resumes" if found is Status.INTERRUPTED else "starts"
        settings = " ".join(f"{name}={value}" for name, value in device.items())
        self._report_on(
            training, f"{verb}{_done(training, found)} with {settings}; log: {training.log}"
        )
        return True

    def _report_progress(self, child: _Child) -> None:
        if time.monotonic() - child.reported < self._progress_seconds:
            return
        progress = read_progress(child.training.folder, child.training.config)
        if progress is not None and progress.epochs != child.epochs:
            child.epochs = progress.epochs
            child.reported = time.monotonic()
            self._report_on(
                child.training,
                f"epoch {progress.epochs} of {child.training.num_epochs}: {progress}",
            )

    def _ended(self, child: _Child) -> None:
        training, status = child.training, child.process.returncode
        if status == 0:
            try:
                scores = _scores(training)
            except RunError as error:
                self._end(training, "failed", f"{error}; log: {training.log}")
                return
            remove_checkpoints(training.folder)
            self._end(training, "finished", scores)
        else:
            last = _last_line(training.log)
            self._end(training, "failed", f"{_describe(status)}; log: {training.log}, ends: {last}")

    def _stop(self) -> None:
        try:
            for child in self._children:
                _signal_group(child.process, signal.SIGTERM)
            deadline = time.monotonic() + self._stop_seconds
            for child in self._children:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.process.wait(max(0.0, deadline - time.monotonic()))
        finally:
            for child in self._children:
                _signal_group(child.process, signal.SIGKILL)
                child.process.wait()
            # Only after all have ended: a report fails if the terminal is closed.
            stopped, self._children = self._children, []
            for child in stopped:
                if child.process.returncode == 0:
                    self._ended(child)
                else:
                    self._report_on(child.training, "stopped; the same command resumes it")

    def _end(self, training: Training, outcome: str, details: str) -> None:
        self._outcomes[outcome] += 1
        self._report_on(training, f"{outcome}: {details}")

    def _report_on(self, training: Training, text: str) -> None:
        self._report(f"{_now()}  {str(training):{self._width}}  {text}")


def _print_line(line: str) -> None:
    print(line, flush=True)


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S")


def _scores(training: Training) -> str:
    (run,) = collect([training.folder]).to_dict("records")
    metric, score = run.get("metric", "f1"), run.get("score", run["f1"])
    epochs = f"(epoch {run['best_epoch']} of {run['epochs']})"
    return f"{readable(metric)} {score:.4f} {epochs}, {run['minutes']:.1f} minutes"


def _done(training: Training, found: Status) -> str:
    progress = (
        read_progress(training.folder, training.config) if found is Status.INTERRUPTED else None
    )
    return f" after epoch {progress.epochs} of {training.num_epochs}" if progress else ""


def _describe(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    name = signal.Signals(-status).name
    return f"killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")


def _last_line(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 10_000))
        lines = file.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "(nothing)")


def _signal_group(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    # The process leads its own group (start_new_session); its children may outlive it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def default_jobs(environment: Mapping[str, str]) -> int:
    """Return the number of trainings to run at once: one for each GPU, or for every four cores."""
    gpus = visible_devices(environment)
    if gpus or environment.get("SEPT_DEVICE", "auto") not in ("auto", "-1"):
        return max(1, len(gpus))
    return max(1, torch.get_num_threads() // _CORES_FOR_A_TRAINING)


def share_devices(jobs: int, gpus: Sequence[str]) -> List[Dict[str, str]]:
    """
    Return environment variables for each training: its share of the cores, and its GPU.

    CUDA_VISIBLE_DEVICES chooses the GPU, and not the configuration. Otherwise an interrupted
    training could not be resumed on another GPU, because its configuration would differ.

    # Parameters

    jobs : `int`
        The number of trainings that run at once. A single one gets all cores.
    gpus : `Sequence[str]`
        The GPUs to share, as CUDA_VISIBLE_DEVICES names them.
    """
    environment = {"OMP_NUM_THREADS": str(max(1, torch.get_num_threads() // jobs))}
    if jobs == 1 or not gpus:
        return [environment] * jobs
    return [{**environment, "CUDA_VISIBLE_DEVICES": gpus[job % len(gpus)]} for job in range(jobs)]


def visible_devices(environment: Mapping[str, str]) -> List[str]:
    """
    Return the GPUs to share, as CUDA_VISIBLE_DEVICES names them.

    These are all that this process sees, unless SEPT_DEVICE chooses one, or the CPU.
    """
    if environment.get("SEPT_DEVICE", "auto") != "auto":
        return []
    count = torch.cuda.device_count()
    names = environment.get("CUDA_VISIBLE_DEVICES", "")
    return names.split(",")[:count] if names else [str(number) for number in range(count)]
