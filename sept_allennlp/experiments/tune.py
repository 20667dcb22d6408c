"""A study of a configuration's options with Optuna."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Dict, List, Optional, Union

import msgspec
import optuna
from allennlp.common import Params
from allennlp.common.params import with_overrides
from optuna.trial import Trial, TrialState

from sept_allennlp.experiments.checkpoints import remove_checkpoints
from sept_allennlp.experiments.errors import RunError, SuiteError
from sept_allennlp.experiments.folds import Fold, config_of_fold, make_folds, write_folds
from sept_allennlp.experiments.results import Progress, read_epochs
from sept_allennlp.experiments.training import Status, Training, train_command
from sept_allennlp.training.config_defaults import config_variables

# Trials before the first one is pruned.
_FIRST_TRIALS = 5

# Weights, which are kept of the best trial alone.
_WEIGHTS = ("model.tar.gz", "best.th", "weights.th")


class Range(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A range of numbers, on a logarithmic scale if `log`. Whole numbers give whole numbers."""

    low: Union[int, float]
    high: Union[int, float]
    log: bool = False


Space = Dict[str, Union[Range, List[Any]]]


def read_space(file: Path) -> Space:
    """
    Read the options to tune: for each a list of choices or a `Range`.

    # Raises

    `SuiteError` if the file is invalid.
    """
    try:
        space = msgspec.json.decode(file.read_bytes(), type=Space)
    except msgspec.DecodeError as error:
        raise SuiteError(f"{file}: {error}") from None
    if not space:
        raise SuiteError(f"{file} names no option to tune.")
    for name, values in space.items():
        if values == [] or (isinstance(values, Range) and not values.low < values.high):
            raise SuiteError(f"{file}: {name} needs choices, or a 'low' below its 'high'.")
    return space


def tune(
    config_file: Path,
    space: Space,
    root: Path,
    trials: int,
    folds: int,
    report: Callable[[str], None],
    packages: Sequence[str] = ("sept_allennlp",),
    poll_seconds: float = 1.0,
) -> Dict[str, Any]:
    """
    Search for the values with the best validation metric, and return them.

    The study is saved in `root/study.db`. Another call continues it.

    # Parameters

    config_file : `Path`
        A training configuration.
    space : `Space`
    root : `Path`
    trials : `int`
        The number of trials of the study, earlier ones included.
    folds : `int`
        Score each trial by its mean over folds of SEPT_DATA; 0 for the configuration's own split.
    report : `Callable[[str], None]`
        Called with a line for each trial.
    packages : `Sequence[str]`, optional
        For `--include-package`.
    poll_seconds : `float`, optional (default = `1.0`)

    # Raises

    `SuiteError` for an invalid configuration, `RunError` for a training that fails.
    """
    # Its warnings are tracebacks of errors that are raised as well.
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    root.mkdir(parents=True, exist_ok=True)
    if folds:
        write_folds(config_variables()["SEPT_DATA"], root, folds)
    parts: Sequence[Optional[Fold]] = make_folds(folds) or [None]
    configs = [_read(config_file, root, fold) for fold in parts]
    study = optuna.create_study(
        storage=f"sqlite:///{root / 'study.db'}",
        study_name=config_file.stem,
        load_if_exists=True,
        direction="minimize" if _is_loss(configs[0]) else "maximize",
        pruner=optuna.pruners.MedianPruner(_FIRST_TRIALS),
    )
    # Another seed after an interruption, or the same values would be drawn again.
    study.sampler = optuna.samplers.TPESampler(seed=len(study.trials))
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
    ended = study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))

    def objective(trial: Trial) -> float:
        values = {name: _suggest(trial, name, options) for name, options in space.items()}
        report(f"trial {trial.number}: {json.dumps(values)}")
        trainings = [
            Training(
                str(trial.number),
                config.get("pytorch_seed", 0),
                with_overrides(dict(config), values),
                root,
                fold,
            )
            for config, fold in zip(configs, parts)
        ]
        scores: List[float] = []
        for training in trainings:
            # Epochs of one training, or the means over the folds so far, are compared with those
            # of earlier trials.
            prune = _pruner(trial) if not folds else lambda progress: False
            scores.append(_train(training, packages, prune, poll_seconds))
            mean = sum(scores) / len(scores)
            if folds:
                trial.report(mean, len(scores))
                if trial.should_prune() and len(scores) < len(trainings):
                    raise optuna.TrialPruned
        return mean

    def after(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        # The value of a pruned trial is its last reported score.
        score = "pruned" if trial.state == TrialState.PRUNED else f"{trial.value:.4f}"
        report(f"trial {trial.number}: {score}")
        best = study.best_trial.number if _has_best(study) else None
        for number in range(trial.number + 1):
            if number != best:
                for name in _WEIGHTS:
                    for file in (root / str(number)).rglob(name):
                        file.unlink()
        study.trials_dataframe().to_csv(root / "trials.csv", index=False)

    if len(ended) < trials:
        try:
            study.optimize(objective, n_trials=trials - len(ended), callbacks=[after])
        except KeyboardInterrupt:
            report("Interrupted. The same command continues the study.")
            raise
    if not _has_best(study):
        raise RunError(f"{root}: no trial has been finished.")
    found = study.best_trial
    report(f"best: trial {found.number} of {len(study.trials)}, {found.value:.4f}")
    return {name: _value(found.params[name], space[name]) for name in space}


def _read(config_file: Path, root: Path, fold: Optional[Fold]) -> Mapping[str, Any]:
    variables = config_variables()
    if fold is not None:
        variables["SEPT_DATA"] = str(fold.data(root))
    try:
        config = Params.from_file(str(config_file), ext_vars=variables).as_dict(quiet=True)
    except (RuntimeError, OSError) as error:
        raise SuiteError(f"{config_file}: {error}") from None
    return config if fold is None else config_of_fold(config_file.stem, config, fold.data(root))


def _is_loss(config: Mapping[str, Any]) -> bool:
    metric = config.get("trainer", {}).get("validation_metric", "-loss")
    return str(metric if isinstance(metric, str) else metric[0]).startswith("-")


def _suggest(trial: Trial, name: str, options: Union[Range, List[Any]]) -> Any:
    if isinstance(options, Range):
        if isinstance(options.low, int) and isinstance(options.high, int):
            return trial.suggest_int(name, options.low, options.high, log=options.log)
        return trial.suggest_float(name, options.low, options.high, log=options.log)
    # As JSON, because Optuna accepts no lists and objects.
    return _value(trial.suggest_categorical(name, [json.dumps(o) for o in options]), options)


def _value(chosen: Any, options: Union[Range, List[Any]]) -> Any:
    return chosen if isinstance(options, Range) else json.loads(chosen)


def _pruner(trial: Trial) -> Callable[[Progress], bool]:
    def prune(progress: Progress) -> bool:
        trial.report(progress.best_score, progress.epochs)
        return trial.should_prune()

    return prune


def _has_best(study: optuna.Study) -> bool:
    return bool(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))


def _train(
    training: Training,
    packages: Sequence[str],
    prune: Callable[[Progress], bool],
    poll_seconds: float,
) -> float:
    training.log.parent.mkdir(parents=True, exist_ok=True)
    training.config_file.write_text(json.dumps(training.config, indent=2) + "\n")
    with training.log.open("wb") as log:
        process = subprocess.Popen(
            train_command(training, Status.NEW, packages),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            reported, is_running = 0, True
            while is_running:
                time.sleep(poll_seconds)
                is_running = process.poll() is None
                # All epochs, for later trials to be compared with.
                for progress in read_epochs(training.folder, training.config)[reported:]:
                    reported += 1
                    if prune(progress) and is_running:
                        raise optuna.TrialPruned
        finally:
            # Pruned and interrupted trainings are stopped with their processes.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM if process.poll() is None else 0)
            process.wait()
    epochs = read_epochs(training.folder, training.config)
    if process.returncode or not epochs:
        raise RunError(f"A training failed; its log is {training.log}")
    remove_checkpoints(training.folder)
    return epochs[-1].best_score
