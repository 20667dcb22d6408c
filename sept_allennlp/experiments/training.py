"""One training of a suite: its folder, its status, and the command that finishes it."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import product
from pathlib import Path
from typing import Any, Dict, List, Optional

from allennlp.common import Params

from sept_allennlp.experiments.checkpoints import (
    checkpoints,
    complete_checkpoints,
    remove_checkpoints,
)
from sept_allennlp.experiments.errors import RunError, SuiteError
from sept_allennlp.experiments.folds import Fold, config_of_fold, make_folds
from sept_allennlp.experiments.suite import read_suite
from sept_allennlp.training.recovery import archive_model


class Status(Enum):
    """The state of a training's folder."""

    NEW = "new"
    # A configuration, perhaps a vocabulary, but no checkpoint to resume from.
    BEGUN = "begun"
    INTERRUPTED = "interrupted"
    # All epochs are done, but the process did not end well: the archive may be missing or partial.
    ENDED = "ended"
    FINISHED = "finished"


@dataclass(frozen=True)
class Training:
    """
    A run of a suite with one seed, on all data or on one fold.

    AllenNLP's folder must hold nothing else, so the log and the configuration lie beside it.

    # Parameters

    run : `str`
        The run's name.
    seed : `int`
    config : `Mapping[str, Any]`
        The configuration, evaluated with this seed and the fold's data.
    root : `Path`
        The folder of all runs of the suite.
    fold : `Fold`, optional
    """

    run: str
    seed: int
    config: Mapping[str, Any]
    root: Path
    fold: Optional[Fold] = None

    def __str__(self) -> str:
        return f"{self.run}/{self.seed}" + (f"/{self.fold.name}" if self.fold else "")

    @property
    def folder(self) -> Path:
        """Return the `--serialization-dir`."""
        return self.root / str(self)

    @property
    def log(self) -> Path:
        """Return the file for the training's output, which each attempt appends to."""
        return self.root / f"{self}.log"

    @property
    def config_file(self) -> Path:
        """Return the file of the configuration."""
        return self.root / f"{self}.json"

    @property
    def num_epochs(self) -> int:
        """Return the highest number of epochs; `patience` may end the training earlier."""
        # AllenNLP's own default.
        return self.config.get("trainer", {}).get("num_epochs", 20)


def read_trainings(
    suite: Path,
    root: Path,
    seeds: Iterable[int],
    names: Iterable[str] = (),
    folds: Optional[int] = None,
) -> List[Training]:
    """
    Return the trainings of a suite: all runs with the first seed, then all with the second.

    So tables are complete early.

    # Parameters

    suite : `Path`
        The suite's file. It is evaluated for each seed and fold.
    root : `Path`
        The folder of all runs.
    seeds : `Iterable[int]`
    names : `Iterable[str]`, optional
        Only these runs, in this order.
    folds : `int`, optional (default = the suite's)
        The number of folds; 0 for none. Their data need not exist yet.

    # Raises

    `SuiteError` for an invalid suite, an unknown name, and a run that cannot be trained in folds.
    """
    trainings: List[Training] = []
    count = read_suite(suite).folds if folds is None else folds
    folds_or_none: Sequence[Optional[Fold]] = make_folds(count) or [None]
    for seed, fold in product(dict.fromkeys(seeds), folds_or_none):
        data = fold.data(root) if fold else None
        runs = read_suite(suite, seed, data).runs
        for name in dict.fromkeys(names) or runs:
            if name not in runs:
                raise SuiteError(f"{suite} has no run '{name}', only {', '.join(runs)}.")
            config = config_of_fold(name, runs[name], data) if data else runs[name]
            trainings.append(Training(name, seed, config, root, fold))
    return trainings


def status_of(training: Training) -> Status:
    """
    Return the status of the training's folder.

    # Raises

    `RunError` if the folder holds something else: another configuration, or none.
    """
    folder = training.folder
    if training.fold and (folder.parent / "config.json").exists():
        raise RunError(
            f"{folder.parent} holds a run that was not trained in folds. Move it away, or use "
            "another --serialization-dir."
        )
    if not folder.exists() or not any(folder.iterdir()):
        return Status.NEW
    differences = config_differences(training)
    if differences:
        raise RunError(
            f"{folder} holds a run with another configuration: {shortened(differences)}. "
            "Move it away, or use another --serialization-dir."
        )
    if (folder / "metrics.json").exists():
        # AllenNLP writes the archive after the metrics, and the runner removes the checkpoints of
        # a training that ended well. A run that was trained by hand may keep them.
        if training.config_file.exists() and checkpoints(folder):
            return Status.ENDED
        return Status.FINISHED
    return Status.INTERRUPTED if complete_checkpoints(folder) else Status.BEGUN


def config_differences(training: Training) -> List[str]:
    """
    Return a phrase for each difference between the folder's configuration and the suite's.

    # Raises

    `RunError` if the folder has no readable configuration.
    """
    file = training.folder / "config.json"
    try:
        there = _flat(json.loads(file.read_text()))
    except FileNotFoundError:
        raise RunError(
            f"{training.folder} is not the folder of a run: it is not empty and has no config.json."
        ) from None
    except (json.JSONDecodeError, AttributeError) as error:
        raise RunError(f"{file} is not a valid configuration: {error}") from None
    here = _flat(training.config)
    absent = "absent"
    return [
        f"{key} is {json.dumps(there[key]) if key in there else absent} there, "
        f"{json.dumps(here[key]) if key in here else absent} in the suite"
        for key in sorted({*there, *here})
        if key not in there or key not in here or there[key] != here[key]
    ]


def shortened(phrases: List[str]) -> str:
    """Join the first two phrases, and say how many more there are."""
    more = f"; and {len(phrases) - 2} more" if len(phrases) > 2 else ""
    return "; ".join(phrases[:2]) + more


def train_command(
    training: Training, found: Status, packages: Iterable[str] = ("sept_allennlp",)
) -> List[str]:
    """Return AllenNLP's command that starts or resumes the training."""
    command = [sys.executable, "-m", "allennlp", "train", str(training.config_file)]
    command += ["--serialization-dir", str(training.folder), "--file-friendly-logging"]
    for package in packages:
        command += ["--include-package", package]
    if found is Status.BEGUN:
        # There is no checkpoint, so nothing is lost. AllenNLP cannot recover a training that was
        # stopped before it had a vocabulary.
        command.append("--force")
    elif found is Status.INTERRUPTED:
        command.append("--recover")
    return command


def finish(training: Training) -> None:
    """
    Write the archive of a training that is `ENDED`, and remove its checkpoints.

    # Raises

    `RunError` if the best weights are missing.
    """
    try:
        archive_model(training.folder, include_in_archive=training.config.get("include_in_archive"))
    except RuntimeError as error:
        raise RunError(str(error)) from None
    remove_checkpoints(training.folder)


def _flat(config: Mapping[str, Any]) -> Dict[str, Any]:
    return Params(dict(config)).as_flat_dict()
