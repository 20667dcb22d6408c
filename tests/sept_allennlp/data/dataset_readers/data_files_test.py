import gzip
from pathlib import Path
from typing import Any, List

import pytest
from allennlp.common.checks import ConfigurationError

from sept_allennlp.data.dataset_readers.data_files import data_files


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


def test_a_file_is_itself_whatever_it_is_called(folder: Path) -> None:
    path = str(folder / "notes.txt")
    assert list(data_files(path)) == [(path, path)]


def test_a_folder_is_its_files_of_documents_by_name(folder: Path) -> None:
    assert names_of(str(folder)) == ["a.json", "b.jsonl", "c.jsonl.gz"]


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


def test_what_a_list_names_twice_is_read_twice(folder: Path) -> None:
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
def test_what_stands_for_nothing_is_refused(name: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(ConfigurationError) as caught:
        list(data_files(str(tmp_path / name)))
    assert expected in str(caught.value)
