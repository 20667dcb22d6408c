import os
from pathlib import Path
from typing import List

import pytest

from sept_runtime.corpus.inputs import InputFile, find_inputs
from sept_runtime.errors import CorpusError


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    for name in ("b.jsonl", "a.jsonl.gz", "deep/er/c.parquet", "read.me", ".hidden.jsonl"):
        path = tmp_path / "corpus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "corpus"


def names(inputs: List[InputFile], corpus: Path) -> List[str]:
    return [str(Path(file.path).relative_to(corpus.resolve())) for file in inputs]


def test_a_folder_is_read_with_its_subfolders(corpus: Path) -> None:
    assert names(find_inputs([str(corpus)]), corpus) == [
        "a.jsonl.gz",
        "b.jsonl",
        "deep/er/c.parquet",
    ]


def test_names_keep_their_order_and_are_read_once(corpus: Path) -> None:
    given = [str(corpus / "b.jsonl"), f"{corpus}/*.jsonl*", f"{corpus}/**/*.parquet", str(corpus)]
    assert names(find_inputs(given), corpus) == ["b.jsonl", "a.jsonl.gz", "deep/er/c.parquet"]


def test_links_are_followed_under_their_own_names(corpus: Path, tmp_path: Path) -> None:
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    (blobs / "3fa9").write_text("d")
    (corpus / "d.jsonl.gz").symlink_to(blobs / "3fa9")
    (corpus / "e.jsonl").symlink_to(corpus / "b.jsonl")
    (corpus / "elsewhere").symlink_to(blobs)
    (blobs / "f.parquet").write_text("f")
    (blobs / "around").symlink_to(corpus)
    (corpus / ".ipynb_checkpoints").mkdir()
    (corpus / ".ipynb_checkpoints" / "b-checkpoint.jsonl").write_text("b")
    assert names(find_inputs([str(corpus)]), corpus) == [
        "a.jsonl.gz",
        "b.jsonl",
        "d.jsonl.gz",
        "deep/er/c.parquet",
        "elsewhere/f.parquet",
    ]


def test_a_name_without_a_file_is_refused(corpus: Path) -> None:
    for name in ("none.jsonl", "*.zst", "read.*"):
        with pytest.raises(CorpusError, match="no file to annotate was found"):
            find_inputs([str(corpus), str(corpus / name)])


def test_a_named_file_of_another_type_needs_a_format(corpus: Path) -> None:
    path = str(corpus / "read.me")
    with pytest.raises(CorpusError, match=r"read.me: unknown type of file. Name .* by --format"):
        find_inputs([path])
    assert names(find_inputs([path], "text"), corpus) == ["read.me"]


def test_files_of_all_formats_are_found(corpus: Path) -> None:
    for name in ("d.xml.gz", "e.RIS", "f.bib", "g.csv.zst", "h.txt"):
        (corpus / name).touch()
    found = names(find_inputs([str(corpus)]), corpus)
    expected = ["a.jsonl.gz", "b.jsonl", "d.xml.gz", "deep/er/c.parquet", "e.RIS", "f.bib"]
    assert found == [*expected, "g.csv.zst", "h.txt"]


def test_a_file_is_identified_by_size_and_time(corpus: Path) -> None:
    path = corpus / "b.jsonl"
    file = InputFile.at(path)
    file.check_unchanged()
    os.utime(path, ns=(file.mtime_ns, file.mtime_ns + 1))
    with pytest.raises(CorpusError, match="b.jsonl has changed"):
        file.check_unchanged()
    path.unlink()
    with pytest.raises(CorpusError, match="has changed"):
        file.check_unchanged()
