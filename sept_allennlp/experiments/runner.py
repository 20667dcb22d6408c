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
from typing import Callable, Deque, List, Mapping, Optional, Sequence

from sept_allennlp.experiments.checkpoints import remove_checkpoints, remove_partial_checkpoints
from sept_allennlp.experiments.errors import RunError
from sept_allennlp.experiments.results import collect, read_progress
from sept_allennlp.experiments.training import (
    Status,
    Training,
    finish,
    status_of,
    train_command,
)


@dataclass
class _Child:
    training: Training
    process: "subprocess.Popen[bytes]"
    device: Mapping[str, str]
    epochs: int
    reported: float


class Runner:
    """
    Brings each training to its end: one that is finished is kept, one that was interrupted goes
    on, one that fails does not stop the others. Says so in plain lines, one whenever something has
    changed.

    # Parameters

    trainings : `Sequence[Training]`
    devices : `Sequence[Mapping[str, str]]`
        As many trainings run at once, each with one of these added to its environment; from
        `share_devices`.
    command : `Callable[[Training, Status], List[str]]`, optional
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
        """Reports where each training stands; gives those that are to be trained."""
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
        # Returns

        Whether all trainings are finished now.

        # Raises

        `KeyboardInterrupt` and AllenNLP's `SigTermReceived`, when the trainings have been stopped.
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
            progress = read_progress(training.folder)
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **device},
                # Ctrl-C comes to this process alone, which then stops its trainings.
                start_new_session=True,
            )
            epochs = progress.epochs if progress else 0
            self._children.append(_Child(training, process, device, epochs, time.monotonic()))
        verb = "goes on" if found is Status.INTERRUPTED else "starts"
        settings = " ".join(f"{name}={value}" for name, value in device.items())
        self._report_on(
            training, f"{verb}{_done(training, found)} with {settings}; log: {training.log}"
        )
        return True

    def _report_progress(self, child: _Child) -> None:
        if time.monotonic() - child.reported < self._progress_seconds:
            return
        progress = read_progress(child.training.folder)
        if progress is not None and progress.epochs != child.epochs:
            child.epochs = progress.epochs
            child.reported = time.monotonic()
            self._report_on(
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
                    self._report_on(child.training, "stopped; the same command goes on from here")

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
    (run,) = collect([training.folder]).itertuples(index=False)
    return f"F1 {run.f1:.4f} (epoch {run.best_epoch} of {run.epochs}), {run.minutes:.1f} minutes"


def _done(training: Training, found: Status) -> str:
    progress = read_progress(training.folder) if found is Status.INTERRUPTED else None
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
    # Leader of its own group, see start_new_session. Its children may outlive it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
