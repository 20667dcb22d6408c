"""One training of a suite: where it lies, how far it has come, and the command that goes on."""

import json
import sys
from dataclasses import dataclass
from enum import Enum
from itertools import product
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence

from allennlp.common import Params

from sept_allennlp.experiments.checkpoints import (
    checkpoints,
    remove_checkpoints,
    whole_checkpoints,
)
from sept_allennlp.experiments.errors import RunError, SuiteError
from sept_allennlp.experiments.folds import Fold, config_of_fold, make_folds
from sept_allennlp.experiments.suite import read_suite
from sept_allennlp.training.recovery import archive_model


class Status(Enum):
    """What is in a training's folder."""

    NEW = "new"
    # A configuration, perhaps a vocabulary, but no checkpoint to go on from.
    BEGUN = "begun"
    INTERRUPTED = "interrupted"
    # Trained to its end, but nobody saw it end well: it may have no archive, or half of one.
    ENDED = "ended"
    FINISHED = "finished"


@dataclass(frozen=True)
class Training:
    """
    A run of a suite with one seed, on all data or for one fold of it.

    The folder that AllenNLP trains into must be empty or AllenNLP's own, so the log and the
    configuration that is handed over lie beside it.

    # Parameters

    run : `str`
        The run's name.
    seed : `int`
    config : `Mapping[str, Any]`
        Its configuration, evaluated with this seed, and with the fold's data.
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
        """What AllenNLP gets as `--serialization-dir`."""
        return self.root / str(self)

    @property
    def log(self) -> Path:
        """Where all that the training prints goes, of each attempt below those before."""
        return self.root / f"{self}.log"

    @property
    def config_file(self) -> Path:
        """The configuration that AllenNLP is given."""
        return self.root / f"{self}.json"

    @property
    def num_epochs(self) -> int:
        """How many epochs it has at most; `patience` may end it earlier."""
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
    The trainings of a suite: all runs with the first seed, then all with the second, so that
    there are complete tables early.

    # Parameters

    suite : `Path`
        The suite's file, which is evaluated once for each seed and fold.
    root : `Path`
        The folder of all runs.
    seeds : `Iterable[int]`
    names : `Iterable[str]`, optional
        Only these runs, in this order.
    folds : `int`, optional (default = the suite's)
        In how many folds; 0 for none. Their data need not be there yet.

    # Raises

    `SuiteError`, also for a name that the suite does not have, and for a run that cannot be trained
    in folds.
    """
    trainings: List[Training] = []
    count = read_suite(suite).folds if folds is None else folds
    # Each once, should a name or a seed be given twice.
    folds_or_none: Sequence[Optional[Fold]] = make_folds(count) or [None]
    for seed, fold in product(dict.fromkeys(seeds), folds_or_none):
        data = fold.data(root) if fold else None
        runs = read_suite(suite, seed, data).runs
        for name in dict.fromkeys(names) or runs:
            if name not in runs:
                raise SuiteError(f"{suite}: no run '{name}'; there are {', '.join(runs)}")
            config = config_of_fold(name, runs[name], data) if data else runs[name]
            trainings.append(Training(name, seed, config, root, fold))
    return trainings


def status_of(training: Training) -> Status:
    """
    What is in the training's folder.

    # Raises

    `RunError` where it is not this training: its configuration is another, or there is none.
    """
    folder = training.folder
    if training.fold and (folder.parent / "config.json").exists():
        raise RunError(
            f"{folder.parent} holds a run that was not trained in folds. Move it away, or take "
            "another --serialization-dir."
        )
    if not folder.exists() or not any(folder.iterdir()):
        return Status.NEW
    differences = config_differences(training)
    if differences:
        raise RunError(
            f"{folder} holds a run with another configuration: {shortened(differences)}. "
            "Move it away, or take another --serialization-dir."
        )
    if (folder / "metrics.json").exists():
        # AllenNLP writes the archive after the metrics, and checkpoints go when a training has
        # ended well. One that was put here, trained by hand, may keep them.
        if training.config_file.exists() and checkpoints(folder):
            return Status.ENDED
        return Status.FINISHED
    return Status.INTERRUPTED if whole_checkpoints(folder) else Status.BEGUN


def config_differences(training: Training) -> List[str]:
    """
    What is not the same in the folder's configuration and in the suite's, a phrase each.

    # Raises

    `RunError` for a folder without a readable configuration.
    """
    file = training.folder / "config.json"
    try:
        there = _flat(json.loads(file.read_text()))
    except FileNotFoundError:
        raise RunError(
            f"{training.folder} is not a run's folder: it is not empty and has no config.json"
        ) from None
    except (json.JSONDecodeError, AttributeError) as error:
        raise RunError(f"{file} is not a configuration: {error}") from None
    here = _flat(training.config)
    absent = "absent"
    return [
        f"{key} is {json.dumps(there[key]) if key in there else absent} there, "
        f"{json.dumps(here[key]) if key in here else absent} in the suite"
        for key in sorted({*there, *here})
        if key not in there or key not in here or there[key] != here[key]
    ]


def shortened(phrases: List[str]) -> str:
    """The first two, and how many more there are."""
    more = f"; and {len(phrases) - 2} more" if len(phrases) > 2 else ""
    return "; ".join(phrases[:2]) + more


def train_command(
    training: Training, found: Status, packages: Iterable[str] = ("sept_allennlp",)
) -> List[str]:
    """AllenNLP's command that brings the training from where it was found to its end."""
    command = [sys.executable, "-m", "allennlp", "train", str(training.config_file)]
    command += ["--serialization-dir", str(training.folder), "--file-friendly-logging"]
    for package in packages:
        command += ["--include-package", package]
    if found is Status.BEGUN:
        # Nothing has been learned yet, so nothing is lost. AllenNLP could not recover where it
        # was stopped before it had a vocabulary.
        command.append("--force")
    elif found is Status.INTERRUPTED:
        command.append("--recover")
    return command


def finish(training: Training) -> None:
    """
    Does for a training that was found `ENDED` what is left to do.

    # Raises

    `RunError` for one without its best weights.
    """
    try:
        archive_model(training.folder, include_in_archive=training.config.get("include_in_archive"))
    except RuntimeError as error:
        raise RunError(str(error)) from None
    remove_checkpoints(training.folder)


def _flat(config: Mapping[str, Any]) -> Dict[str, Any]:
    return Params(dict(config)).as_flat_dict()
