"""
Cross-validation over the documents of `train.json` and `dev.json`.

A model that was trained on the other folds predicts each fold.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List

from allennlp.common.file_utils import cached_path

from sept_allennlp.experiments.errors import RunError, SuiteError
from sept_runtime.documents import DocumentError
from sept_runtime.formats.json_lines import dump_line, read_json_lines
from sept_runtime.formats.scierc import document_from_scierc

# The folder for the folds' data, beside those of the runs.
FOLDS = "folds"

_FILES = {"train_data_path": "train.json", "validation_data_path": "dev.json"}

# Stands for the fold's name in the path of a teacher's annotations.
_FOLD = "{fold}"

# Callbacks of a training in folds: no epoch is chosen by the documents that are scored, and the
# predictions are kept, to be scored with those of the other folds.
_CALLBACKS = ["keep_last_epoch", "keep_predictions"]


@dataclass(frozen=True)
class Fold:
    """
    A fold of a cross-validation.

    # Parameters

    number : `int`
        Counted from 1.
    of : `int`
        The number of folds.
    """

    number: int
    of: int

    @property
    def name(self) -> str:
        """Return the name of its folders, such as "fold_2_of_5"."""
        return f"fold_{self.number}_of_{self.of}"

    def data(self, root: Path) -> Path:
        """Return the folder of its data, below the folder of all runs."""
        return root / FOLDS / self.name


def make_folds(count: int) -> List[Fold]:
    """Return that many folds in order."""
    return [Fold(number, count) for number in range(1, count + 1)]


def fold_folders(run: Path) -> List[Path]:
    """
    Return the folders of all folds of a run, finished or not; none if it was not trained in folds.

    # Raises

    `RunError` if the folders belong to different numbers of folds.
    """
    names = [re.fullmatch(r"fold_\d+_of_(\d+)", file.name) for file in run.glob("fold_*")]
    counts = {int(name[1]) for name in names if name}
    if len(counts) > 1:
        listed = " and ".join(map(str, sorted(counts)))
        raise RunError(f"{run} holds trainings in {listed} folds. Move one of them away.")
    return [run / fold.name for count in counts for fold in make_folds(count)]


def config_of_fold(name: str, config: Mapping[str, Any], data: Path) -> Dict[str, Any]:
    """
    Return the configuration of a run for one fold, which chooses nothing by its validation data.

    A student (`student.libsonnet`) also reads the annotations of a teacher that has not seen the
    fold: `{fold}` in their path becomes the fold's name.

    # Parameters

    name : `str`
        The run's name.
    config : `Mapping[str, Any]`
        Its configuration, evaluated with `data` as SEPT_DATA.
    data : `Path`

    # Raises

    `SuiteError` if the run reads other data, or stops early by its validation score.
    """
    train = config.get("train_data_path")
    paths: List[Any] = train if isinstance(train, list) else [train]
    gold = f"{data}/{_FILES['train_data_path']}"
    for key, file in _FILES.items():
        files = paths if key == "train_data_path" else [config.get(key)]
        if f"{data}/{file}" not in files:
            raise SuiteError(
                f"run '{name}' cannot be trained in folds: only SEPT_DATA's train.json and "
                f"dev.json are split into folds, and its {key} is {config.get(key)!r}. Use --runs "
                "to name the runs to train."
            )
    for path in paths:
        if path != gold and _FOLD not in path:
            raise SuiteError(
                f"run '{name}' cannot be trained in folds: it reads {path!r} in every fold. A "
                "teacher must not have seen the fold that its student is scored on. Train a "
                f"teacher for each fold, and write {_FOLD} in the path: it becomes fold_1_of_5 and "
                "so on."
            )
    trainer = config.get("trainer", {})
    if trainer.get("patience") is not None:
        raise SuiteError(
            f"run '{name}' cannot be trained in folds: trainer.patience would choose the last "
            "epoch by the documents that are scored. Set it to null, and num_epochs to the number "
            "of epochs to train."
        )
    given = trainer.get("callbacks") or []
    there = [entry.get("type") if isinstance(entry, dict) else entry for entry in given]
    callbacks = [*given, *(callback for callback in _CALLBACKS if callback not in there)]
    own = [path.replace(_FOLD, data.name) for path in paths]
    return {
        **config,
        "train_data_path": own if isinstance(train, list) else gold,
        "trainer": {**trainer, "callbacks": callbacks},
    }


def write_folds(source: str, root: Path, count: int) -> None:
    """
    Write `dev.json` with each fold's documents, and `train.json` with those of the other folds.

    The assignment depends only on the documents' keys. Existing files are kept.

    # Parameters

    source : `str`
        SEPT_DATA: the folder (or its address) of `train.json` and `dev.json`.
    root : `Path`
        The folder of all runs.
    count : `int`
        The number of folds.

    # Raises

    `SuiteError` if the data are invalid, have fewer documents than folds, or differ from the data
    of existing folds.
    """
    documents = _read(source)
    if len(documents) < count:
        raise SuiteError(f"{source} has {len(documents)} documents, too few for {count} folds.")
    shuffled = sorted(documents, key=_digest)
    for fold in make_folds(count):
        own = {*shuffled[fold.number - 1 :: count]}
        held_out = [line for key, line in documents.items() if key in own]
        others = [line for key, line in documents.items() if key not in own]
        _write_once(fold.data(root) / "train.json", "".join(others), source)
        _write_once(fold.data(root) / "dev.json", "".join(held_out), source)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _read(source: str) -> Dict[str, str]:
    documents: Dict[str, str] = {}
    for file in _FILES.values():
        name = f"{source}/{file}"
        try:
            path = cached_path(name, extract_archive=True)
            for origin, fields in read_json_lines(str(path), name):
                key = document_from_scierc(fields, origin).key
                if not key:
                    raise SuiteError(f"{origin}: folds need documents with a 'doc_key'.")
                if key in documents:
                    raise SuiteError(
                        f"{origin}: document {key!r} occurs twice. In different folds, it would be "
                        "trained on and predicted. Remove one."
                    )
                documents[key] = dump_line(fields)
        except FileNotFoundError:
            raise SuiteError(f"{name} does not exist.") from None
        except DocumentError as error:
            raise SuiteError(str(error)) from None
    return documents


def _write_once(file: Path, text: str, source: str) -> None:
    if file.exists():
        if file.read_text(encoding="utf-8") != text:
            raise SuiteError(
                f"{file} was made from other data than {source} holds now. Use another "
                "--serialization-dir, or move this one's runs and folds away."
            )
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(file)
