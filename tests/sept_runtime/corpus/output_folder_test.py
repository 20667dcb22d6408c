import errno
import json
import os
from pathlib import Path
from typing import Any, Dict, List

import pytest

from sept_runtime.corpus.inputs import InputFile
from sept_runtime.corpus.output_folder import Counts, OutputFolder, ShardRecord, unfinished_files
from sept_runtime.corpus.shards import Shard
from sept_runtime.errors import CorpusError

SETTINGS: Dict[str, Any] = {"--format": "jsonl", "--shard-size": 10}


@pytest.fixture
def inputs(tmp_path: Path) -> List[InputFile]:
    files = []
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text("content")
        files.append(InputFile.at(tmp_path / name))
    return files


@pytest.fixture
def folder(tmp_path: Path) -> OutputFolder:
    return OutputFolder(tmp_path / "out", ".jsonl")


# Three lines in the first file, in two shards; one line in the second.
FIRST, SECOND, THIRD = (
    Shard(0, 0, 1, 2, 5, False),
    Shard(0, 1, 3, 1, 2, True),
    Shard(1, 0, 1, 1, 7, True),
)


def write(
    folder: OutputFolder,
    attempt: str,
    shard: Shard,
    annotated: int,
    failed: int,
    commit: bool = True,
) -> ShardRecord:
    content, errors = b"{}\n" * annotated, b"[]\n" * failed
    folder.write(attempt, shard, content, errors)
    sizes = (len(content), len(errors))
    record = ShardRecord(shard, annotated, failed, *sizes, {"reading": 1.0}, 5.0)
    if commit:
        folder.commit(attempt, record)
    return record


def write_all(folder: OutputFolder, attempt: str) -> List[ShardRecord]:
    return [
        write(folder, attempt, FIRST, 1, 1),
        write(folder, attempt, SECOND, 1, 0),
        write(folder, attempt, THIRD, 1, 0),
    ]


def names(folder: OutputFolder, *parts: str) -> List[str]:
    return sorted(path.name for path in folder.path.joinpath(*parts).iterdir())


def test_finished_shards_are_recorded_and_counted(
    folder: OutputFolder, inputs: List[InputFile]
) -> None:
    with folder.claimed(SETTINGS, inputs):
        records = write_all(folder, folder.begin_attempt())
        assert folder.done() == records
        assert folder.check(inputs) == Counts(read=4, annotated=3, failed=1, shards=3)
    shards = ["000000-000000", "000000-000001", "000001-000000"]
    assert names(folder, "annotations") == [f"{shard}.jsonl" for shard in shards]
    assert names(folder, "done") == [f"{shard}.json" for shard in shards]
    assert names(folder, "errors") == ["000000-000000.jsonl"]
    # Nothing temporary is left.
    assert names(folder) == [".lock", "annotations", "done", "errors", "run.json"]


def test_a_shard_without_its_record_is_not_finished(
    folder: OutputFolder, inputs: List[InputFile]
) -> None:
    with folder.claimed(SETTINGS, inputs):
        attempt = folder.begin_attempt()
        done = [write(folder, attempt, FIRST, 1, 1), write(folder, attempt, THIRD, 1, 0)]
        write(folder, attempt, SECOND, 1, 0, commit=False)
        assert folder.done() == done
        with pytest.raises(CorpusError, match="a.jsonl .* lines are missing from line 3 on"):
            folder.check(inputs)
        write(folder, attempt, SECOND, 1, 0)
        assert folder.check(inputs).read == 4


def test_check_finds_missing_and_changed_files(
    folder: OutputFolder, inputs: List[InputFile]
) -> None:
    shard = folder.path / "annotations" / "000000-000001.jsonl"
    with folder.claimed(SETTINGS, inputs):
        attempt = folder.begin_attempt()
        write_all(folder, attempt)
        write(folder, attempt, FIRST, 1, 0)
        with pytest.raises(CorpusError, match="2 lines from line 1 on, 1 were annotated, 0 failed"):
            folder.check(inputs)
        write_all(folder, attempt)
        shard.write_bytes(b"")
        with pytest.raises(CorpusError, match="000000-000001.jsonl is missing or was changed"):
            folder.check(inputs)
        shard.unlink()
        with pytest.raises(CorpusError, match="000000-000001.jsonl is missing or was changed"):
            folder.check(inputs)
        write_all(folder, attempt)
        (folder.path / "errors" / "000000-000000.jsonl").unlink()
        with pytest.raises(CorpusError, match="errors/000000-000000.jsonl is missing"):
            folder.check(inputs)


@pytest.mark.parametrize(
    "name",
    [
        # What '*' matches is read as a document.
        "annotations/000000-000001.jsonl.5f3c.tmp",
        "annotations/000009-000000.jsonl",
        "annotations/notes.txt",
        "errors/000000-000001.jsonl",
        "done/copy of 000000-000000.txt",
    ],
)
def test_check_finds_files_that_are_not_of_the_run(
    folder: OutputFolder, inputs: List[InputFile], name: str
) -> None:
    with folder.claimed(SETTINGS, inputs):
        write_all(folder, folder.begin_attempt())
        (folder.path / name).touch()
        # As network file systems leave; its name keeps readers away.
        (folder.path / "annotations" / ".nfs0001").touch()
        with pytest.raises(CorpusError, match=f"not part of this run: {Path(name).name}. Move"):
            folder.check(inputs)
        (folder.path / name).unlink()
        assert folder.check(inputs).shards == 3


def test_a_fenced_off_worker_cannot_write(folder: OutputFolder, inputs: List[InputFile]) -> None:
    with folder.claimed(SETTINGS, inputs):
        old = folder.begin_attempt()
        write(folder, old, FIRST, 1, 1)
        new = folder.begin_attempt()
        for shard in (FIRST, SECOND):
            with pytest.raises(CorpusError, match="being written to by another run"):
                write(folder, old, shard, 0, 1)
        # What was finished before stays.
        assert [record.annotated for record in folder.done()] == [1]
        write_all(folder, new)
        assert folder.check(inputs) == Counts(read=4, annotated=3, failed=1, shards=3)


def test_a_full_disk_ends_the_run_with_its_name(
    folder: OutputFolder, inputs: List[InputFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, content: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with folder.claimed(SETTINGS, inputs):
        attempt = folder.begin_attempt()
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            with pytest.raises(CorpusError, match="out cannot be written to: No space left on dev"):
                write(folder, attempt, FIRST, 1, 1)
        assert names(folder, "annotations") == []


def test_a_new_attempt_removes_unfinished_shards(
    folder: OutputFolder, inputs: List[InputFile]
) -> None:
    with folder.claimed(SETTINGS, inputs):
        attempt = folder.begin_attempt()
        write(folder, attempt, FIRST, 1, 1)
        write(folder, attempt, SECOND, 0, 1, commit=False)
        (folder.path / "annotations" / "notes.txt").touch()
    with folder.claimed(SETTINGS, inputs):
        attempt = folder.begin_attempt()
        assert names(folder, "annotations") == ["000000-000000.jsonl", "notes.txt"]
        assert names(folder, "errors") == ["000000-000000.jsonl"]


def test_a_run_is_continued_only_with_the_same_settings_and_inputs(
    folder: OutputFolder, inputs: List[InputFile]
) -> None:
    for _ in range(2):
        with folder.claimed(SETTINGS, inputs):
            pass
    changed = InputFile(inputs[1].path, inputs[1].size, inputs[1].mtime_ns + 1)
    for settings, files, reason in (
        ({**SETTINGS, "--shard-size": 20}, inputs, "its --shard-size is 10, not 20"),
        ({**SETTINGS, "--engine": "x"}, inputs, 'its --engine is null, not "x"'),
        ({"--format": "jsonl"}, inputs, "its --shard-size is 10, not null"),
        (SETTINGS, inputs[1:], "it reads .*a.jsonl where this run reads .*b.jsonl"),
        (SETTINGS, inputs[:1], "it has 2 input files, not 1"),
        (SETTINGS, [inputs[0], changed], "b.jsonl has changed since it began"),
    ):
        with pytest.raises(CorpusError, match=f"belongs to another run: .*{reason}"):
            with folder.claimed(settings, files):
                pytest.fail("it was let in")


def test_a_folder_in_use_is_refused(folder: OutputFolder, inputs: List[InputFile]) -> None:
    with folder.claimed(SETTINGS, inputs):
        attempt = folder.begin_attempt()
        with pytest.raises(CorpusError, match="in use by another process"):
            with folder.claimed(SETTINGS, inputs):
                pytest.fail("it was let in")
        # The run continues.
        write_all(folder, attempt)


def test_a_folder_with_other_files_is_left_alone(
    folder: OutputFolder, inputs: List[InputFile]
) -> None:
    folder.path.mkdir()
    (folder.path / "thesis.tex").touch()
    with pytest.raises(CorpusError, match="contains 'thesis.tex'"):
        with folder.claimed(SETTINGS, inputs):
            pytest.fail("it was let in")
    assert names(folder) == ["thesis.tex"]


def test_inputs_in_the_output_folder_are_refused(tmp_path: Path, inputs: List[InputFile]) -> None:
    with pytest.raises(CorpusError, match="a.jsonl is in the output folder"):
        with OutputFolder(tmp_path, ".jsonl").claimed(SETTINGS, inputs):
            pytest.fail("it was let in")


@pytest.mark.parametrize("content", ["", '{"shard": 1}', '{"shards": {}}'])
def test_damaged_records_are_named(
    folder: OutputFolder, inputs: List[InputFile], content: str
) -> None:
    with folder.claimed(SETTINGS, inputs):
        write_all(folder, folder.begin_attempt())
        (folder.path / "done" / "000000-000001.json").write_text(content)
        with pytest.raises(CorpusError, match="000000-000001.json is damaged: .* Remove it and"):
            folder.check(inputs)
    (folder.path / "run.json").write_text("{")
    with pytest.raises(CorpusError, match="run.json is damaged: .* Choose a new output folder"):
        with folder.claimed(SETTINGS, inputs):
            pytest.fail("it was let in")


def test_records_are_json(folder: OutputFolder, inputs: List[InputFile]) -> None:
    with folder.claimed(SETTINGS, inputs):
        write_all(folder, folder.begin_attempt())
    assert json.loads((folder.path / "done" / "000000-000000.json").read_text()) == {
        "shard": {
            "file": 0,
            "number": 0,
            "first_line": 1,
            "num_lines": 2,
            "num_bytes": 5,
            "last": False,
        },
        "annotated": 1,
        "failed": 1,
        "shard_bytes": 3,
        "error_bytes": 3,
        "seconds": {"reading": 1.0},
        "started": 5.0,
        "skipped": 0,
        "reason": "",
    }
    run = json.loads((folder.path / "run.json").read_text())
    assert run["settings"] == SETTINGS
    assert run["inputs"][1] == {
        "path": inputs[1].path,
        "size": 7,
        "mtime_ns": inputs[1].mtime_ns,
    }


def test_records_are_in_the_order_of_their_numbers(
    folder: OutputFolder, inputs: List[InputFile]
) -> None:
    numbers = (999_999, 100_001, 1_000_000)
    with folder.claimed(SETTINGS, inputs):
        attempt = folder.begin_attempt()
        for number in numbers:
            write(folder, attempt, Shard(0, number, 1, 1, 1, False), 1, 0)
        assert [record.shard.number for record in folder.done()] == sorted(numbers)


def test_unfinished_files() -> None:
    first, second, third = (
        ShardRecord(shard, 1, 0, 3, 0, {}, 0.0) for shard in (FIRST, SECOND, THIRD)
    )
    assert unfinished_files([], 2) == {0: set(), 1: set()}
    assert unfinished_files([first, third], 3) == {0: {0}, 2: set()}
    assert unfinished_files([second], 1) == {0: {1}}
    assert unfinished_files([first, second], 1) == {}


def test_counts_are_a_sum() -> None:
    assert str(Counts(1204, 1200, 4, 2)) == "1,204 lines in = 1,200 annotated + 4 failed"
    assert str(Counts(1209, 1200, 4, 2, 5)).endswith(" = 1,200 annotated + 4 failed + 5 skipped")
