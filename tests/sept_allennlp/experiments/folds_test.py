import json
from pathlib import Path
from typing import Any, Dict, List

import pytest

from sept_allennlp.experiments.errors import RunError, SuiteError
from sept_allennlp.experiments.folds import (
    Fold,
    config_of_fold,
    fold_folders,
    make_folds,
    write_folds,
)


def document(key: str) -> Dict[str, Any]:
    return {"doc_key": key, "sentences": [["a", "b"]], "ner": [[]], "relations": [[]]}


def write_data(folder: Path, train: str, dev: str) -> str:
    """Write a document for each letter; gives what SEPT_DATA then is."""
    folder.mkdir()
    for name, keys in (("train", train), ("dev", dev)):
        lines = [json.dumps(document(key)) + "\n" for key in keys]
        (folder / f"{name}.json").write_text("".join(lines))
    return str(folder)


def keys(file: Path) -> List[str]:
    return [json.loads(line)["doc_key"] for line in file.open()]


def test_each_document_is_held_out_once_and_trained_on_otherwise(tmp_path: Path) -> None:
    write_folds(write_data(tmp_path / "data", "abcde", "fg"), tmp_path, 3)
    folders = [fold.data(tmp_path) for fold in make_folds(3)]
    assert [folder.name for folder in folders] == ["fold_1_of_3", "fold_2_of_3", "fold_3_of_3"]
    held_out = [keys(folder / "dev.json") for folder in folders]
    assert sorted(map(len, held_out)) == [2, 2, 3]
    assert sorted(sum(held_out, [])) == [*"abcdefg"]
    for folder, own in zip(folders, held_out):
        # In the order that they had.
        assert keys(folder / "train.json") == [key for key in "abcdefg" if key not in own]
    # Whatever else a line holds is kept.
    (line, *_) = (folders[0] / "dev.json").read_text().splitlines()
    assert json.loads(line) == document(held_out[0][0])


def test_the_folds_depend_only_on_the_keys(tmp_path: Path) -> None:
    members = []
    for name, train, dev in (("one", "abcde", "fg"), ("other", "gfa", "edcb")):
        write_folds(write_data(tmp_path / name, train, dev), tmp_path / f"{name}_runs", 2)
        folder = Fold(1, 2).data(tmp_path / f"{name}_runs")
        members.append({*keys(folder / "dev.json")})
    assert members[0] == members[1]


def test_folds_of_other_data_are_not_mixed(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", "abc", "d")
    write_folds(data, tmp_path, 2)
    file = Fold(2, 2).data(tmp_path) / "dev.json"
    written = file.stat().st_mtime_ns
    write_folds(data, tmp_path, 2)
    assert file.stat().st_mtime_ns == written
    other = write_data(tmp_path / "other", "abc", "e")
    with pytest.raises(SuiteError, match=f"fold_1_of_2/.*was made from other data than {other}"):
        write_folds(other, tmp_path, 2)


@pytest.mark.parametrize(
    "train, dev, complaint",
    [
        ("ab", "c", "has 3 documents, too few for 4 folds"),
        ("abc", "da", "dev.json, line 2: document 'a' occurs twice"),
    ],
)
def test_data_that_cannot_be_split(train: str, dev: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=complaint):
        write_folds(write_data(tmp_path / "data", train, dev), tmp_path, 4)


def test_data_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="none/train.json does not exist"):
        write_folds(str(tmp_path / "none"), tmp_path, 2)
    data = write_data(tmp_path / "data", "abc", "d")
    (tmp_path / "data" / "dev.json").write_text("{}")
    with pytest.raises(SuiteError, match="dev.json, line 1: 'sentences' must be a list"):
        write_folds(data, tmp_path, 2)
    (tmp_path / "data" / "dev.json").write_text('{"sentences": [["a"]]}')
    with pytest.raises(SuiteError, match="dev.json, line 1: folds need documents with a 'doc_key'"):
        write_folds(data, tmp_path, 2)


CONFIG = {
    "train_data_path": "data/train.json",
    "validation_data_path": "data/dev.json",
    "trainer": {"num_epochs": 3, "patience": None, "callbacks": [{"type": "keep_predictions"}]},
}


def test_a_training_in_folds_ends_with_its_last_weights_and_keeps_its_predictions() -> None:
    config = config_of_fold("a", CONFIG, Path("data"))
    assert config["trainer"] == {
        "num_epochs": 3,
        "patience": None,
        "callbacks": [{"type": "keep_predictions"}, "keep_last_epoch"],
    }
    without = {**CONFIG, "trainer": {}}
    callbacks = config_of_fold("a", without, Path("data"))["trainer"]["callbacks"]
    assert callbacks == ["keep_last_epoch", "keep_predictions"]


def test_a_student_reads_what_a_teacher_annotated_that_has_not_seen_the_fold() -> None:
    fold = Path("runs/folds/fold_2_of_5")
    gold = "runs/folds/fold_2_of_5/train.json"
    student = {
        **CONFIG,
        "train_data_path": [gold, gold, "annotated/{fold}/*.jsonl"],
        "validation_data_path": "runs/folds/fold_2_of_5/dev.json",
    }
    read = config_of_fold("a", student, fold)["train_data_path"]
    assert read == [gold, gold, "annotated/fold_2_of_5/*.jsonl"]


@pytest.mark.parametrize(
    "changes, complaint",
    [
        (
            {"train_data_path": ["data/train.json", "annotated"]},
            r"run 'a' .*: it reads 'annotated' in every fold.* write {fold} in the path",
        ),
        (
            {"train_data_path": ["annotated/{fold}"]},
            r"run 'a' .*: only SEPT_DATA's .* its train_data_path is \['annotated/{fold}'\]",
        ),
        ({"trainer": {"patience": 3}}, "run 'a' .*: trainer.patience would choose"),
        (
            {"validation_data_path": "conll/dev.txt"},
            "run 'a' .*: only SEPT_DATA's .* its validation_data_path is 'conll/dev.txt'",
        ),
    ],
)
def test_runs_that_cannot_be_trained_in_folds_are_refused(
    changes: Dict[str, Any], complaint: str
) -> None:
    with pytest.raises(SuiteError, match=complaint):
        config_of_fold("a", {**CONFIG, **changes}, Path("data"))


def test_the_folders_of_a_run(tmp_path: Path) -> None:
    assert fold_folders(tmp_path) == []
    (tmp_path / "fold_2_of_3").mkdir()
    (tmp_path / "fold_2_of_3.log").touch()
    # Also of those that are still to be trained.
    assert fold_folders(tmp_path) == [tmp_path / f"fold_{number}_of_3" for number in (1, 2, 3)]
    (tmp_path / "fold_1_of_5").mkdir()
    with pytest.raises(RunError, match="holds trainings in 3 and 5 folds"):
        fold_folders(tmp_path)
