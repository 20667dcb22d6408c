import json
from pathlib import Path
from typing import Any, Dict, List

import pytest

from sept_runtime.corpus.inputs import CorpusError, InputFile
from sept_runtime.corpus.output_folder import OutputFolder, write_whole
from sept_runtime.corpus.records import Counts, ShardRecord
from sept_runtime.corpus.shards import Shard

SETTINGS: Dict[str, Any] = {"format": "jsonl", "shard-size": 10}


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


def do(
    folder: OutputFolder, shard: Shard, annotated: int, failed: int, commit: bool = True
) -> ShardRecord:
    content, errors = b"{}\n" * annotated, b"[]\n" * failed
    folder.write(shard, content, errors)
    sizes = (len(content), len(errors))
    record = ShardRecord(shard, annotated, failed, *sizes, {"reading": 1.0}, 5.0)
    if commit:
        folder.commit(record)
    return record


# Three lines in the first file, in two shards; one line in the second.
FIRST, SECOND, THIRD = (
    Shard(0, 0, 1, 2, 5, False),
    Shard(0, 1, 3, 1, 2, True),
    Shard(1, 0, 1, 1, 7, True),
)


def do_all(folder: OutputFolder) -> List[ShardRecord]:
    return [do(folder, FIRST, 1, 1), do(folder, SECOND, 1, 0), do(folder, THIRD, 1, 0)]


def test_what_was_done_is_known_and_counted(folder: OutputFolder, inputs: List[InputFile]) -> None:
    with folder.claimed(SETTINGS, inputs):
        records = do_all(folder)
        assert folder.done() == records
        assert folder.check(inputs) == Counts(read=4, annotated=3, failed=1, shards=3)
    names = sorted(path.name for path in (folder.path / "annotations").iterdir())
    assert names == ["000000-000000.jsonl", "000000-000001.jsonl", "000001-000000.jsonl"]
    assert [path.name for path in (folder.path / "errors").iterdir()] == ["000000-000000.jsonl"]


def test_a_shard_without_its_record_is_not_done(
    folder: OutputFolder, inputs: List[InputFile]
) -> None:
    with folder.claimed(SETTINGS, inputs):
        done = [do(folder, FIRST, 1, 1), do(folder, THIRD, 1, 0)]
        do(folder, SECOND, 1, 0, commit=False)
        assert folder.done() == done
        with pytest.raises(CorpusError, match="a.jsonl: .* lines are missing from line 3 on"):
            folder.check(inputs)
        do(folder, SECOND, 1, 0)
        assert folder.check(inputs).read == 4


def test_a_missing_file_or_document_is_found(folder: OutputFolder, inputs: List[InputFile]) -> None:
    shard = folder.path / "annotations" / "000000-000001.jsonl"
    with folder.claimed(SETTINGS, inputs):
        do_all(folder)
        do(folder, FIRST, 1, 0)
        with pytest.raises(CorpusError, match="2 lines from line 1 on, 1 were annotated and 0"):
            folder.check(inputs)
        do_all(folder)
        shard.write_bytes(b"")
        with pytest.raises(CorpusError, match="000000-000001.jsonl is missing or was changed"):
            folder.check(inputs)
        shard.unlink()
        with pytest.raises(CorpusError, match="000000-000001.jsonl is missing or was changed"):
            folder.check(inputs)
        do_all(folder)
        (folder.path / "errors" / "000000-000000.jsonl").unlink()
        with pytest.raises(CorpusError, match="errors/000000-000000.jsonl is missing"):
            folder.check(inputs)
        do_all(folder)
        # What a worker that has died was writing is not a shard.
        (folder.path / "annotations" / "000000-000001.jsonl.abc.tmp").touch()
        assert folder.check(inputs).shards == 3
        (folder.path / "annotations" / "000009-000000.jsonl").touch()
        with pytest.raises(CorpusError, match="4 shards where 3 were written"):
            folder.check(inputs)


def test_the_same_run_goes_on_and_another_is_refused(
    folder: OutputFolder, inputs: List[InputFile]
) -> None:
    with folder.claimed(SETTINGS, inputs):
        pass
    with folder.claimed(SETTINGS, inputs):
        pass
    changed = InputFile(inputs[1].path, inputs[1].size, inputs[1].mtime_ns + 1)
    for settings, files, reason in (
        ({**SETTINGS, "shard-size": 20}, inputs, "whose shard-size is 10 and not 20"),
        (SETTINGS, inputs[1:], "inputs have .*a.jsonl where these have .*b.jsonl"),
        (SETTINGS, inputs[:1], "whose inputs are 2 files and not 1"),
        (SETTINGS, [inputs[0], changed], "b.jsonl was another file: it has changed"),
    ):
        with pytest.raises(CorpusError, match=f"belongs to another run, .*{reason}"):
            with folder.claimed(settings, files):
                pytest.fail("it was let in")


def test_two_runs_at_once_are_refused(folder: OutputFolder, inputs: List[InputFile]) -> None:
    with folder.claimed(SETTINGS, inputs):
        with pytest.raises(CorpusError, match="another process is writing to it"):
            with folder.claimed(SETTINGS, inputs):
                pytest.fail("it was let in")


def test_a_folder_of_something_else_is_left_alone(
    folder: OutputFolder, inputs: List[InputFile]
) -> None:
    folder.path.mkdir()
    (folder.path / "run.json.abc.tmp").touch()
    (folder.path / "thesis.tex").touch()
    with pytest.raises(CorpusError, match="holds 'thesis.tex'"):
        with folder.claimed(SETTINGS, inputs):
            pytest.fail("it was let in")
    assert {path.name for path in folder.path.iterdir()} == {"run.json.abc.tmp", "thesis.tex"}
    (folder.path / "thesis.tex").unlink()
    with folder.claimed(SETTINGS, inputs):
        assert not (folder.path / "run.json.abc.tmp").exists()


def test_the_output_is_no_input(tmp_path: Path, inputs: List[InputFile]) -> None:
    with pytest.raises(CorpusError, match="a.jsonl: is in the output folder"):
        with OutputFolder(tmp_path, ".jsonl").claimed(SETTINGS, inputs):
            pytest.fail("it was let in")


def test_what_a_killed_run_was_writing_is_removed(
    folder: OutputFolder, inputs: List[InputFile]
) -> None:
    with folder.claimed(SETTINGS, inputs):
        do_all(folder)
        for name in ("annotations", "done"):
            (folder.path / name / "000000-000000.jsonl.abc.tmp").write_text("half")
    with folder.claimed(SETTINGS, inputs):
        assert folder.check(inputs).shards == 3
    assert not list(folder.path.rglob("*.tmp"))


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"first")
    write_whole(path, b"second")
    assert path.read_bytes() == b"second"
    assert list(tmp_path.iterdir()) == [path]


def test_records_are_json(folder: OutputFolder, inputs: List[InputFile]) -> None:
    with folder.claimed(SETTINGS, inputs):
        do(folder, FIRST, 1, 1)
    fields = json.loads((folder.path / "done" / "000000-000000.json").read_text())
    assert (fields["annotated"], fields["failed"], fields["unit"]["first_line"]) == (1, 1, 1)


def test_what_workers_were_at_is_known(folder: OutputFolder, inputs: List[InputFile]) -> None:
    with folder.claimed(SETTINGS, inputs):
        for shard in (FIRST, SECOND, THIRD, THIRD):
            folder.start(shard)
        assert folder.started()[0] == THIRD
        assert {shard.name for shard in folder.started()} == {FIRST.name, SECOND.name, THIRD.name}
        do(folder, THIRD, 1, 0)
        assert {shard.name for shard in folder.started()} == {FIRST.name, SECOND.name}
    with folder.claimed(SETTINGS, inputs):
        assert folder.started() == []


def test_errors_of_an_earlier_attempt_are_gone(
    folder: OutputFolder, inputs: List[InputFile]
) -> None:
    with folder.claimed(SETTINGS, inputs):
        do(folder, FIRST, 1, 1)
        do(folder, FIRST, 2, 0)
    assert list((folder.path / "errors").iterdir()) == []


def test_shards_are_in_the_order_of_their_numbers(
    folder: OutputFolder, inputs: List[InputFile]
) -> None:
    numbers = (999_999, 100_001, 1_000_000)
    with folder.claimed(SETTINGS, inputs):
        for number in numbers:
            do(folder, Shard(0, number, 1, 1, 1, False), 1, 0)
        assert [record.shard.number for record in folder.done()] == sorted(numbers)
