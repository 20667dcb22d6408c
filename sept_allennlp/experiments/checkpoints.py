"""The checkpoints that AllenNLP leaves in a training's folder."""

import json
import re
import zipfile
from pathlib import Path
from typing import List


def remove_partial_checkpoints(folder: Path) -> None:
    """
    Removes the checkpoint that was being written when a training was killed, as AllenNLP would
    recover from the newest, whole or not; and the newest also where its epoch was the best and the
    best weights are not its own, as AllenNLP would not write them any more.
    """
    whole = whole_checkpoints(folder)
    for model_state in checkpoints(folder):
        if model_state not in whole:
            model_state.unlink()
            _training_state(model_state).unlink(missing_ok=True)


def remove_checkpoints(folder: Path) -> None:
    """
    Removes what only a training that is interrupted needs: with the optimizer's state and two
    checkpoints kept, several times the size of the model. What was best stays, as does the archive.
    """
    for model_state in checkpoints(folder):
        model_state.unlink()
        _training_state(model_state).unlink(missing_ok=True)


def checkpoints(folder: Path) -> List[Path]:
    """The model states of a training's checkpoints, whole or not; the newest need not be last."""
    return list(folder.glob("model_state_e*_b*.th"))


def whole_checkpoints(folder: Path) -> List[Path]:
    """Those of `checkpoints` that AllenNLP can go on from, see `remove_partial_checkpoints`."""
    # What torch.save writes is a zip file, whose directory comes last.
    whole = [
        model_state
        for model_state in checkpoints(folder)
        if zipfile.is_zipfile(model_state) and zipfile.is_zipfile(_training_state(model_state))
    ]
    newest = max(whole, key=lambda file: [*map(int, re.findall(r"\d+", file.name))], default=None)
    return [file for file in whole if file != newest or not _lacks_its_best_weights(file)]


def _lacks_its_best_weights(model_state: Path) -> bool:
    # Best weights are written after the checkpoint at the end of their epoch, from one process.
    end_of_epoch = re.fullmatch(r"model_state_e(\d+)_b0\.th", model_state.name)
    if not end_of_epoch:
        return False
    epoch = int(end_of_epoch[1]) - 1
    try:
        metrics = json.loads(model_state.with_name(f"metrics_epoch_{epoch}.json").read_text())
    except FileNotFoundError:
        return False
    best = model_state.with_name("best.th")
    return metrics.get("best_epoch") == epoch and not (
        zipfile.is_zipfile(best) and best.stat().st_mtime_ns >= model_state.stat().st_mtime_ns
    )


def _training_state(model_state: Path) -> Path:
    return model_state.with_name(model_state.name.replace("model_state", "training_state"))
