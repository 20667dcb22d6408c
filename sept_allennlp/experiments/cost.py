"""The cost of a suite: encoders that it needs, and hours estimated from timed updates."""

import copy
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import torch
from allennlp.commands.train import TrainModel
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import prepare_environment
from allennlp.training.callbacks import TrainerCallback
from transformers import AutoConfig

from sept_allennlp.experiments.results import read_progress
from sept_allennlp.experiments.suite import read_suite
from sept_allennlp.experiments.training import Training
from sept_runtime.documents import DocumentError

# The first updates allocate memory and are not timed.
_WARM_UP = 2
_TIMED = 8


class StepTime(NamedTuple):
    """The time of an update and of a validation batch, and the number of both in an epoch."""

    update_seconds: float
    updates: int
    validation_seconds: float
    validation_batches: int

    @property
    def epoch_seconds(self) -> float:
        """Return the estimated time of an epoch."""
        validation = self.validation_seconds * self.validation_batches
        return self.update_seconds * self.updates + validation


def estimate_cost(
    suite_file: Path,
    trainings: Sequence[Training],
    jobs: int,
    report: Callable[[str], None],
    time_step: Optional[Callable[[Mapping[str, Any]], StepTime]] = None,
) -> int:
    """
    Report the encoders that trainings need and the hours that they take.

    A few updates of one training of each run are timed on this machine. The estimate assumes that
    no training ends early.

    # Parameters

    suite_file : `Path`
    trainings : `Sequence[Training]`
        Those that are not finished.
    jobs : `int`
        The number of trainings that run at once, with equal shares of the cores.
    report : `Callable[[str], None]`
        Called with each line.
    time_step : `Callable[[Mapping[str, Any]], StepTime]`, optional (default = `time_step`)

    # Returns

    The exit status: 1 if an encoder cannot be loaded or a run cannot be started.
    """
    if not trainings:
        report("Nothing to train.")
        return 0
    by_run: Dict[str, List[Training]] = {}
    for training in trainings:
        by_run.setdefault(training.run, []).append(training)
    # The folds' data may not be written yet, so folds are timed on the data as given.
    given = read_suite(suite_file, trainings[0].seed).runs
    missing = _report_encoders([given[name] for name in by_run], report)
    seconds, failed = 0.0, 0
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, threads // jobs))
    try:
        for name, of_run in by_run.items():
            try:
                step = (time_step or time_updates)(given[name])
            except (ConfigurationError, DocumentError, OSError, RuntimeError, ValueError) as error:
                report(f"{name}: cannot be trained: {error}")
                failed += 1
                continue
            epochs = sum(map(_epochs_left, of_run))
            seconds += epochs * step.epoch_seconds
            report(
                f"{name}: {_number(len(of_run), 'training')}, {_number(epochs, 'epoch')} of "
                f"{_number(step.updates, 'update')}; {step.update_seconds:.2f} s an update, "
                f"{step.epoch_seconds:.0f} s an epoch, "
                f"{epochs * step.epoch_seconds / 3600:.1f} h in all"
            )
    finally:
        torch.set_num_threads(threads)
    unknown = f", without {_number(failed, 'run')} that cannot be trained" if failed else ""
    report(
        f"Total: {_number(len(trainings), 'training')}, about {seconds / jobs / 3600:.1f} hours "
        f"with {jobs} at a time{unknown}. Trainings that end early take less."
    )
    return 1 if missing or failed else 0


def time_updates(config: Mapping[str, Any]) -> StepTime:
    """
    Time some updates of a training, without leaving files.

    # Parameters

    config : `Mapping[str, Any]`
        A training configuration. Its callbacks are ignored, and so is `distributed`.
    """
    given: Dict[str, Any] = copy.deepcopy(dict(config))
    given.pop("distributed", None)
    given.get("trainer", {}).pop("callbacks", None)
    params = Params(given)
    prepare_environment(params)
    with tempfile.TemporaryDirectory() as folder:
        job = TrainModel.from_params(params=params, serialization_dir=folder, local_rank=0)
        trainer: Any = job.trainer
        timer = _Timer(folder)
        trainer._callbacks = [timer]
        updates = -(-len(trainer.data_loader) // trainer._num_gradient_accumulation_steps)
        start = time.perf_counter()
        try:
            trainer.train()
        except _Enough:
            pass
        update_seconds = timer.seconds_per_update(start)
        loader = trainer._validation_data_loader
        if loader is None:
            return StepTime(update_seconds, updates, 0.0, 0)
        trainer._pytorch_model.eval()
        seconds = []
        with torch.no_grad():
            for _, batch in zip(range(_TIMED // 2), loader):
                start = time.perf_counter()
                trainer.batch_outputs(batch, for_training=False)
                seconds.append(time.perf_counter() - start)
        return StepTime(update_seconds, updates, sum(seconds) / max(1, len(seconds)), len(loader))


class _Enough(Exception):
    """Ends a training that is timed."""


class _Timer(TrainerCallback):
    def __init__(self, serialization_dir: str) -> None:
        super().__init__(serialization_dir)
        self._times: List[float] = []

    def on_batch(self, *args: Any, is_training: bool = True, **kwargs: Any) -> None:
        if is_training:
            self._times.append(time.perf_counter())
            if len(self._times) == _WARM_UP + _TIMED:
                raise _Enough

    def seconds_per_update(self, start: float) -> float:
        # A small training has no more updates than the first ones.
        times = (
            self._times[_WARM_UP - 1 :] if len(self._times) > _WARM_UP else [start, *self._times]
        )
        return (times[-1] - times[0]) / max(1, len(times) - 1)


def _report_encoders(configs: List[Mapping[str, Any]], report: Callable[[str], None]) -> bool:
    missing = False
    for name in dict.fromkeys(name for config in configs for name in _encoders(config)):
        try:
            AutoConfig.from_pretrained(name)
            report(f"Encoder {name}: found")
        except (OSError, ValueError) as error:
            missing = True
            report(f"Encoder {name}: cannot be loaded: {str(error).splitlines()[0]}")
    return missing


def _encoders(config: Any) -> Iterator[str]:
    if isinstance(config, Mapping):
        for key, value in config.items():
            if key == "model_name" and isinstance(value, str):
                yield value
            else:
                yield from _encoders(value)
    elif isinstance(config, list):
        for value in config:
            yield from _encoders(value)


def _epochs_left(training: Training) -> int:
    progress = read_progress(training.folder, training.config)
    return max(0, training.num_epochs - (progress.epochs if progress else 0))


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
