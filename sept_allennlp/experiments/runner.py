"""Runs the trainings of a suite, each in a process of its own."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Deque, Dict, List, Mapping, Optional, Sequence

import torch

from sept_allennlp.experiments.results import RunError, collect, read_progress
from sept_allennlp.experiments.training import (
    Standing,
    Training,
    finish,
    remove_checkpoints,
    remove_torn_checkpoints,
    standing,
    train_command,
)

# A batch is a few abstracts, which is too little work for more cores than about these.
_CORES_FOR_A_TRAINING = 4


def default_jobs(environment: Mapping[str, str]) -> int:
    """How many trainings to run at once: one a GPU, or one for every four cores of a processor."""
    devices = visible_devices(environment)
    if devices or environment.get("SEPT_DEVICE", "auto") not in ("auto", "-1"):
        return max(1, len(devices))
    return max(1, torch.get_num_threads() // _CORES_FOR_A_TRAINING)


def make_slots(jobs: int, devices: Sequence[str]) -> List[Dict[str, str]]:
    """
    What the environment of each of the trainings that run at once has to say: its share of the
    processor's cores, and its GPU.

    The GPU is given by CUDA_VISIBLE_DEVICES and not in the configuration, which would then differ
    with the GPU that happened to be free, and an interrupted training could not go on at another.

    # Parameters

    jobs : `int`
        How many trainings run at once. One takes all the cores of a processor.
    devices : `Sequence[str]`
        The GPUs to share between them, as CUDA_VISIBLE_DEVICES names them.
    """
    # As many threads as torch itself would take, shared out.
    environment = {"OMP_NUM_THREADS": str(max(1, torch.get_num_threads() // jobs))}
    if jobs == 1 or not devices:
        return [environment] * jobs
    return [
        {**environment, "CUDA_VISIBLE_DEVICES": devices[job % len(devices)]} for job in range(jobs)
    ]


def visible_devices(environment: Mapping[str, str]) -> List[str]:
    """
    The GPUs that trainings may be spread over, as CUDA_VISIBLE_DEVICES names them: all that this
    process sees, unless SEPT_DEVICE has chosen one, or the CPU.
    """
    if environment.get("SEPT_DEVICE", "auto") != "auto":
        return []
    count = torch.cuda.device_count()
    names = environment.get("CUDA_VISIBLE_DEVICES", "")
    return names.split(",")[:count] if names else [str(number) for number in range(count)]


@dataclass
class _Child:
    training: Training
    process: subprocess.Popen
    slot: Mapping[str, str]
    epochs: int
    reported: float


class Runner:
    """
    Brings each training to its end: one that is finished is kept, one that was interrupted goes
    on, one that fails does not stop the others. Says so in plain lines, one whenever something has
    changed.

    # Parameters

    trainings : `Sequence[Training]`
    slots : `Sequence[Mapping[str, str]]`
        As many trainings run at once; each adds what its slot says to the environment.
    command : `Callable[[Training, Standing], List[str]]`, optional
        The command of a training that was found so; `training.train_command` unless given.
    report : `Callable[[str], None]`, optional
        Takes the lines; prints them unless given.
    poll_seconds : `float`, optional (default = `1.0`)
        How often to look at what the trainings do.
    progress_seconds : `float`, optional (default = `60.0`)
        How often at most to report on a training that goes on.
    stop_seconds : `float`, optional (default = `30.0`)
        How long a training that is stopped has to leave its files in order.
    """

    def __init__(
        self,
        trainings: Sequence[Training],
        slots: Sequence[Mapping[str, str]],
        command: Callable[[Training, Standing], List[str]] = train_command,
        report: Optional[Callable[[str], None]] = None,
        poll_seconds: float = 1.0,
        progress_seconds: float = 60.0,
        stop_seconds: float = 30.0,
    ) -> None:
        self._trainings = trainings
        self._slots = list(slots)
        self._command = command
        self._report = report or _print_line
        self._poll_seconds = poll_seconds
        self._progress_seconds = progress_seconds
        self._stop_seconds = stop_seconds
        self._width = max((len(str(training)) for training in trainings), default=0)
        self._outcomes: Counter = Counter()
        self._children: List[_Child] = []

    def survey(self) -> List[Training]:
        """Reports where each training stands; gives those that are to be trained."""
        waiting: List[Training] = []
        for training in self._trainings:
            try:
                found = standing(training)
                if found is Standing.FINISHED:
                    self._end(training, "kept", _scores(training))
                else:
                    self._say(training, f"waiting{_done(training, found)}")
                    waiting.append(training)
            except (RunError, OSError) as error:
                self._end(training, "refused", str(error))
        return waiting

    def run(self) -> bool:
        """
        # Returns

        Whether all trainings are finished now.

        # Raises

        `KeyboardInterrupt` and AllenNLP's `SigTermReceived`, when the trainings have been stopped.
        """
        waiting: Deque[Training] = deque(self.survey())
        free = list(self._slots)
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
                        free.append(child.slot)
                        self._ended(child)
        finally:
            self._stop()
        counts = [f"{count} {outcome}" for outcome, count in self._outcomes.items()]
        self._report(f"{len(self._trainings)} trainings: {', '.join(counts)}")
        return self._outcomes.keys() <= {"finished", "kept"}

    def _start(self, training: Training, slot: Mapping[str, str]) -> bool:
        """Starts the training; False if there was nothing to start."""
        # Only here: Windows has none, and every start of AllenNLP imports this file.
        import fcntl

        training.log.parent.mkdir(parents=True, exist_ok=True)
        with training.log.open("ab") as log:
            # The lock belongs to the open file, which the training inherits: it holds as long as
            # the training lives, also where this process has been killed.
            try:
                fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._end(training, "left alone", "another process is training it")
                return False
            # Looked at once more, now that nobody else can change it.
            found = standing(training)
            if found is Standing.FINISHED:
                self._end(training, "kept", _scores(training))
                return False
            if found is Standing.ENDED:
                finish(training)
                self._end(training, "finished", _scores(training))
                return False
            if found is not Standing.NEW:
                remove_torn_checkpoints(training.folder)
            training.config_file.write_text(json.dumps(training.config, indent=2) + "\n")
            command = self._command(training, found)
            log.write(f"{_now()}  {' '.join(command)}\n".encode())
            log.flush()
            progress = read_progress(training.folder)
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **slot},
                # Ctrl-C comes to this process alone, which then stops its trainings.
                start_new_session=True,
            )
            epochs = progress.epochs if progress else 0
            self._children.append(_Child(training, process, slot, epochs, time.monotonic()))
        verb = "goes on" if found is Standing.INTERRUPTED else "starts"
        settings = " ".join(f"{name}={value}" for name, value in slot.items())
        self._say(training, f"{verb}{_done(training, found)} with {settings}; log: {training.log}")
        return True

    def _report_progress(self, child: _Child) -> None:
        if time.monotonic() - child.reported < self._progress_seconds:
            return
        progress = read_progress(child.training.folder)
        if progress is not None and progress.epochs != child.epochs:
            child.epochs = progress.epochs
            child.reported = time.monotonic()
            self._say(
                child.training,
                f"epoch {progress.epochs} of {child.training.num_epochs}: F1 {progress.f1:.4f}, "
                f"best {progress.best_f1:.4f} (epoch {progress.best_epoch})",
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
        """Asks what still runs to end, with all that it has started; then makes it."""
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
            # Not before all are gone: a report may fail, where the terminal is closed.
            stopped, self._children = self._children, []
            for child in stopped:
                if child.process.returncode == 0:
                    self._ended(child)
                else:
                    self._say(child.training, "stopped; the same command goes on from here")

    def _end(self, training: Training, outcome: str, details: str) -> None:
        self._outcomes[outcome] += 1
        self._say(training, f"{outcome}: {details}")

    def _say(self, training: Training, text: str) -> None:
        self._report(f"{_now()}  {str(training):{self._width}}  {text}")


def _print_line(line: str) -> None:
    print(line, flush=True)


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S")


def _scores(training: Training) -> str:
    (run,) = collect([training.folder]).itertuples(index=False)
    return f"F1 {run.f1:.4f} (epoch {run.best_epoch} of {run.epochs}), {run.minutes:.1f} minutes"


def _done(training: Training, found: Standing) -> str:
    progress = read_progress(training.folder) if found is Standing.INTERRUPTED else None
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


def _signal_group(process: subprocess.Popen, number: signal.Signals) -> None:
    # Leader of its own group, see start_new_session. Its children may outlive it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
