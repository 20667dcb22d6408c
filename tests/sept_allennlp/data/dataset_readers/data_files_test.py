import gzip
import json
from pathlib import Path
from typing import Any, List

import pytest
from allennlp.common.checks import ConfigurationError

from sept_allennlp.data.dataset_readers import ConllReader, SciERCReader
from sept_allennlp.data.dataset_readers.data_files import data_files
from sept_runtime.documents import AnnotatedRelation, AnnotatedSpan
from sept_runtime.formats.files import open_output


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.jsonl", "a.json", ".hidden.jsonl", "notes.txt"):
        (tmp_path / name).write_text("{}\n")
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(b"{}\n"))
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "empty.jsonl.gz").write_bytes(gzip.compress(b""))
    return tmp_path


def names_of(path: Any) -> List[str]:
    return [Path(local).name for local, _ in data_files(path)]


def test_the_same_file_is_recognized_under_all_its_names(folder: Path) -> None:
    path = str(folder / "notes.txt")
    assert list(data_files(path)) == [(path, path)]


def test_a_folder_is_its_files_of_documents_by_name(folder: Path) -> None:
    assert names_of(str(folder)) == ["a.json", "b.jsonl", "c.jsonl.gz"]


@pytest.mark.parametrize("compression", ["", ".gz", ".bz2", ".xz", ".zst"])
def test_the_suffixes_of_files_in_a_folder_belong_to_the_reader(
    compression: str, folder: Path
) -> None:
    name = f"train.conll{compression}"
    with open_output(str(folder / name)) as file:
        file.write(b"We O\nparse B-Task\n")
    found = [Path(local).name for local, _ in data_files(str(folder), ConllReader.suffixes)]
    assert found == ["notes.txt", name]
    (folder / "notes.txt").unlink()
    (instance,) = ConllReader().read(str(folder))
    assert [token.text for token in instance["text"]] == ["We", "parse"]
    found = [Path(local).name for local, _ in data_files(f"{folder}/*", ConllReader.suffixes)]
    assert found == [name]


@pytest.mark.parametrize("compression", [".gz", ".bz2", ".xz", ".zst"])
def test_compressed_documents_train_a_model(compression: str, tmp_path: Path) -> None:
    with open_output(str(tmp_path / f"a.jsonl{compression}")) as file:
        file.write(b'{"doc_id": 7, "sentences": [["We", "parse"]], "ner": [[[1, 1, "Task"]]]}')
    (instance,) = SciERCReader().read(str(tmp_path))
    document = instance["metadata"]["document"]
    assert (document.key, document.entities) == ("7", [AnnotatedSpan(1, 1, "Task")])


def test_blank_words_are_removed_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ner = [[[0, 3, "Task"], [2, 2, "X"], [3, 4, "Method"]]]
    relations = [[[0, 3, 3, 4, "R"], [2, 2, 3, 4, "R"]]]
    fields = {"sentences": [["", "We", " ", "parse", "\u00a0"]], "ner": ner, "relations": relations}
    (tmp_path / "a.jsonl").write_text(json.dumps(fields))
    (instance,) = SciERCReader(relations=True).read(str(tmp_path))
    document = instance["metadata"]["document"]
    assert document.sentences == [["We", "parse"]]
    assert document.entities == [AnnotatedSpan(0, 1, "Task"), AnnotatedSpan(1, 1, "Method")]
    assert document.relations == [AnnotatedRelation((0, 1), (1, 1), "R")]
    assert "3 blank words were removed" in caplog.text


def test_the_output_of_an_annotation_is_its_annotations(folder: Path) -> None:
    (folder / "annotations").mkdir()
    (folder / "annotations" / "shard.jsonl").write_text("{}\n")
    assert names_of(str(folder)) == ["shard.jsonl"]


def test_a_pattern_is_the_files_that_it_matches(folder: Path) -> None:
    assert names_of(f"{folder}/*.jsonl*") == ["b.jsonl", "c.jsonl.gz"]


def test_a_pattern_may_match_the_outputs_of_several_annotations(tmp_path: Path) -> None:
    for teacher in ("1", "2"):
        for part in ("annotations", "done"):
            (tmp_path / teacher / part).mkdir(parents=True)
            (tmp_path / teacher / part / f"{part}_{teacher}.jsonl").write_text("{}\n")
    assert names_of(f"{tmp_path}/*") == ["annotations_1.jsonl", "annotations_2.jsonl"]


def test_a_file_listed_twice_is_read_twice(folder: Path) -> None:
    file = str(folder / "a.json")
    assert names_of([file, f"{folder}/b*", file]) == ["a.json", "b.jsonl", "a.json"]


@pytest.mark.parametrize(
    "name, expected",
    [
        ("none.jsonl", "none.jsonl: there is no such file"),
        ("x*.jsonl", "x*.jsonl: there is no such file"),
        ("empty*", "empty*: there is no document in it; files end in .jsonl"),
        ("", ": there is no document in it"),
    ],
)
def test_names_without_documents_are_refused(name: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(ConfigurationError) as caught:
        list(data_files(str(tmp_path / name)))
    assert expected in str(caught.value)
