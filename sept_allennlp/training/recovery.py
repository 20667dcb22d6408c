"""Folders of trainings: locked while they are written to, archived whole, verified."""

import json
import os
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

from allennlp.commands import train
from allennlp.common import Params, util
from allennlp.common.checks import ConfigurationError
from allennlp.models import archival
from allennlp.training import util as training_util

from sept_allennlp.training.checkpointer import BEST_WEIGHTS, epoch_of_weights, written_whole

# In seconds. The processes of a killed training end by themselves, and soon.
WAIT_FOR_OTHERS = 20.0

_create_serialization_dir = training_util.create_serialization_dir
_archive_model = archival.archive_model
# Without the checks for archives from elsewhere: this one has just been made.
_load_archive = archival.load_archive
_params_to_file = Params.to_file


class _Folder:
    """The folder that this process trains into, at most one at a time."""

    lock: Optional[int] = None
    recovers = False


def create_serialization_dir(
    params: Params, serialization_dir: "str | os.PathLike[str]", recover: bool, force: bool
) -> None:
    """
    Create or check the folder of a training, as AllenNLP does, and lock it for this process.

    # Raises

    `ConfigurationError` if another process trains into the folder, and if there is nothing to
    recover from and the training is distributed: AllenNLP would take the vocabulary as it is there.
    """
    folder = Path(serialization_dir)
    if folder.is_dir():
        lock(folder)
        # The training was killed before it had a configuration; the folder is empty then.
        (folder / f"{archival.CONFIG_NAME}.part").unlink(missing_ok=True)
    _create_serialization_dir(params, serialization_dir, recover, force)
    if recover and "distributed" in params and not any(folder.glob("model_state_*.th")):
        raise ConfigurationError(
            f"{folder}: there is no checkpoint to recover from. Start again with --force."
        )
    # `force` may have replaced the folder.
    lock(folder)
    _Folder.recovers = recover


def lock(folder: Path) -> None:
    """
    Lock a folder until this process locks another one or ends.

    # Raises

    `ConfigurationError` if another process holds the lock.
    """
    if _Folder.lock is not None:
        os.close(_Folder.lock)
    _Folder.lock = os.open(folder, os.O_RDONLY)
    deadline = time.monotonic() + WAIT_FOR_OTHERS
    while not _locked(_Folder.lock):
        if time.monotonic() > deadline:
            raise ConfigurationError(
                f"{folder}: another training is writing to this folder. Wait until it ends, or "
                "use another --serialization-dir."
            )
        time.sleep(0.1)


def _locked(descriptor: int) -> bool:
    # Only here: Windows does not have it, and every command of AllenNLP imports this module.
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # A file system without locks.
        pass
    return True


def archive_model(
    serialization_dir: "str | os.PathLike[str]",
    weights: str = BEST_WEIGHTS,
    archive_path: "str | os.PathLike[str] | None" = None,
    include_in_archive: Optional[List[str]] = None,
) -> str:
    """
    Archive a model as AllenNLP does, but write the archive whole.

    After `--recover`, verify that the metrics are those of the weights, and load the archive once.

    # Raises

    `ConfigurationError` if the metrics are not those of the weights, and AllenNLP's errors if the
    archive cannot be loaded.
    """
    folder = Path(serialization_dir)
    path = Path(archive_path or folder)
    if path.is_dir():
        path = path / "model.tar.gz"
    if _Folder.recovers:
        check_best_weights(folder)
    with written_whole(str(path)) as part:
        _archive_model(serialization_dir, weights, part, include_in_archive)
        if _Folder.recovers:
            _load_archive(part)
    return str(path)


def check_best_weights(folder: Path) -> None:
    """
    Compare the best weights of a finished training with its metrics.

    # Raises

    `ConfigurationError` if they are not of the same epoch.
    """
    try:
        metrics = json.loads((folder / "metrics.json").read_text())
    except FileNotFoundError:
        # Interrupted again, and the archive is that of the best epoch so far.
        return
    best = metrics.get("best_epoch")
    found = epoch_of_weights(str(folder / BEST_WEIGHTS))
    scores = json.loads((folder / f"metrics_epoch_{best}.json").read_text())
    differ = [
        name
        for name, value in scores.items()
        if name.startswith("validation_") and metrics.get(f"best_{name}") != value
    ]
    if found != best or differ:
        reason = f"{BEST_WEIGHTS} is of epoch {found}" if found != best else f"{differ[0]} differs"
        raise ConfigurationError(
            f"{folder}: metrics.json describes the model of epoch {best}, but {reason}. Start "
            "again with --force."
        )


def dump_metrics(file_path: Optional[str], metrics: Dict[str, Any], log: bool = False) -> None:
    """Write metrics as AllenNLP does, but whole."""
    if file_path is None:
        return _dump_metrics(None, metrics, log)
    with written_whole(file_path) as part:
        _dump_metrics(part, metrics, log)


def to_file(
    self: Params, params_file: str, preference_orders: Optional[List[List[str]]] = None
) -> None:
    """Write a configuration as AllenNLP does, but whole."""
    with written_whole(str(params_file)) as part:
        _params_to_file(self, part, preference_orders)  # type: ignore[arg-type]


_dump_metrics: Callable[..., None] = util.dump_metrics


def install() -> None:
    """Have `allennlp train` lock its folder, write its files whole and verify what it recovers."""
    training_util.create_serialization_dir = create_serialization_dir
    train.archive_model = archive_model
    util.dump_metrics = dump_metrics
    Params.to_file = to_file  # type: ignore[method-assign]
