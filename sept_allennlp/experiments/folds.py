"""
Cross-validation: the documents of `train.json` and `dev.json` are dealt out to folds, and each fold
is predicted by a model that was trained on the others.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping

from allennlp.common.file_utils import cached_path

from sept_allennlp.experiments.errors import RunError, SuiteError
from sept_runtime.documents import DocumentError
from sept_runtime.formats.json_lines import dump_line, read_json_lines
from sept_runtime.formats.scierc import document_from_scierc

# The folder, beside those of the runs, that holds the data of each fold.
FOLDS = "folds"

_FILES = {"train_data_path": "train.json", "validation_data_path": "dev.json"}

# In the path of what a teacher has annotated: stands for the fold that the teacher has not seen.
_FOLD = "{fold}"

# The callbacks of a training in folds: the first has it choose no epoch by the documents that it
# is scored on, the second leaves its predictions to put together with those of the other folds.
_CALLBACKS = ["keep_last_epoch", "keep_predictions"]


@dataclass(frozen=True)
class Fold:
    """
    # Parameters

    number : `int`
        Which one it is, counted from 1.
    of : `int`
        How many there are.
    """

    number: int
    of: int

    @property
    def name(self) -> str:
        """Of its folders, as "fold_2_of_5"."""
        return f"fold_{self.number}_of_{self.of}"

    def data(self, root: Path) -> Path:
        """The folder of its data, where `root` is that of all runs."""
        return root / FOLDS / self.name


def make_folds(count: int) -> List[Fold]:
    """All of so many folds, in order; none of 0."""
    return [Fold(number, count) for number in range(1, count + 1)]


def fold_folders(run: Path) -> List[Path]:
    """
    The folders of all folds of a run, finished or not; none if it was not trained in folds.

    # Raises

    `RunError` where there are several numbers of folds.
    """
    names = [re.fullmatch(r"fold_\d+_of_(\d+)", file.name) for file in run.glob("fold_*")]
    counts = {int(name[1]) for name in names if name}
    if len(counts) > 1:
        listed = " and ".join(map(str, sorted(counts)))
        raise RunError(f"{run} was trained in {listed} folds; move one of them away")
    return [run / fold.name for count in counts for fold in make_folds(count)]


def config_of_fold(name: str, config: Mapping[str, Any], data: Path) -> Dict[str, Any]:
    """
    The configuration of a run, made one that chooses nothing by its validation data. A student's
    (`student.libsonnet`) reads, beside the fold's `train.json`, what a teacher has annotated that
    has not seen the fold either: `{fold}` in its path becomes the fold's name.

    # Parameters

    name : `str`
        The run's name.
    config : `Mapping[str, Any]`
        Its configuration, evaluated with `data` as SEPT_DATA.
    data : `Path`

    # Raises

    `SuiteError` for a run that reads other data, or stops by its score on the validation data.
    """
    train = config.get("train_data_path")
    paths: List[Any] = train if isinstance(train, list) else [train]
    gold = f"{data}/{_FILES['train_data_path']}"
    for key, file in _FILES.items():
        files = paths if key == "train_data_path" else [config.get(key)]
        if f"{data}/{file}" not in files:
            raise SuiteError(
                f"run '{name}' cannot be trained in folds: its {key} is {config.get(key)!r} and "
                f"not {file} in SEPT_DATA's folder, and only those files (in SciERC's format) are "
                "split into folds. Name the runs to train with --runs."
            )
    for path in paths:
        if path != gold and _FOLD not in path:
            raise SuiteError(
                f"run '{name}' cannot be trained in folds: it reads {path!r} with every fold. What "
                f"a teacher has annotated must be from one that has not seen the fold: say {_FOLD} "
                "in the path, which becomes fold_1_of_5 and so on."
            )
    trainer = config.get("trainer", {})
    if trainer.get("patience") is not None:
        raise SuiteError(
            f"run '{name}' cannot be trained in folds: its trainer.patience would choose the last "
            "epoch by the documents that it is scored on. Make it null, and num_epochs the number "
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
    Writes, for each fold, `dev.json` with its documents and `train.json` with those of the others.
    Which are its own depends on nothing but the documents' keys. What has been written stays.

    # Parameters

    source : `str`
        SEPT_DATA: the folder (or its address) with `train.json` and `dev.json`, which are put
        together.
    root : `Path`
        The folder of all runs.
    count : `int`
        How many folds.

    # Raises

    `SuiteError` for data that cannot be used or has fewer documents than there are to be folds, and
    where there are folds of other data.
    """
    documents = _read(source)
    if len(documents) < count:
        raise SuiteError(f"{source}: {len(documents)} documents are too few for {count} folds")
    # In an order that nobody has chosen, and then dealt out like cards.
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
    """Each document's line under its key."""
    documents: Dict[str, str] = {}
    for file in _FILES.values():
        name = f"{source}/{file}"
        try:
            path = cached_path(name, extract_archive=True)
            for origin, fields in read_json_lines(str(path), name):
                key = document_from_scierc(fields, origin).key
                if key in documents:
                    raise SuiteError(
                        f"{origin}: there is another document {key!r}; of two, one might be "
                        "trained on when the other is predicted"
                    )
                documents[key] = dump_line(fields)
        except FileNotFoundError:
            raise SuiteError(f"{name}: there is no such file") from None
        except DocumentError as error:
            raise SuiteError(str(error)) from None
    return documents


def _write_once(file: Path, text: str, source: str) -> None:
    if file.exists():
        if file.read_text(encoding="utf-8") != text:
            raise SuiteError(
                f"{file} was not made from what {source} holds now. Take another "
                "--serialization-dir, or move this one's runs and folds away."
            )
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(file)
