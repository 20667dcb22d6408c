"""The checkpoints that AllenNLP leaves in the folder of a training."""

import json
import re
import zipfile
from pathlib import Path
from typing import List


def remove_partial_checkpoints(folder: Path) -> None:
    """
    Remove checkpoints from which AllenNLP cannot recover.

    AllenNLP recovers from the newest checkpoint, even if the training was killed while it wrote
    this checkpoint, or before it wrote the best weights of the same epoch. It would not write
    those weights again.
    """
    complete = complete_checkpoints(folder)
    for model_state in checkpoints(folder):
        if model_state not in complete:
            model_state.unlink()
            _training_state(model_state).unlink(missing_ok=True)


def remove_checkpoints(folder: Path) -> None:
    """
    Remove all checkpoints, which only an interrupted training needs.

    With the optimizer's state, two checkpoints take several times the size of the model. The best
    weights and the archive stay.
    """
    for model_state in checkpoints(folder):
        model_state.unlink()
        _training_state(model_state).unlink(missing_ok=True)


def checkpoints(folder: Path) -> List[Path]:
    """Return the model states of all checkpoints, complete or not, in no order."""
    return list(folder.glob("model_state_e*_b*.th"))


def complete_checkpoints(folder: Path) -> List[Path]:
    """Return the model states from which AllenNLP can recover."""
    # torch.save writes a zip file, whose directory comes last.
    complete = [
        model_state
        for model_state in checkpoints(folder)
        if zipfile.is_zipfile(model_state) and zipfile.is_zipfile(_training_state(model_state))
    ]
    newest = max(
        complete, key=lambda file: [*map(int, re.findall(r"\d+", file.name))], default=None
    )
    return [file for file in complete if file != newest or not _lacks_its_best_weights(file)]


def _lacks_its_best_weights(model_state: Path) -> bool:
    # Best weights are written after the checkpoint at the end of their epoch, by one process.
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
