import json
from pathlib import Path
from typing import Dict, List

import pytest

from sept_runtime.commands import main

KEYS = [f"d{number}" for number in range(20)]


def write(path: Path, keys: List[str]) -> Path:
    path.write_text("".join(f'{{"doc_key":  "{key}"}}\n' for key in keys))
    return path


def keys_of(folder: Path) -> Dict[str, List[str]]:
    return {
        file.relative_to(folder).as_posix(): [
            json.loads(line)["doc_key"] for line in file.read_text().splitlines()
        ]
        for file in sorted(folder.rglob("*.json"))
    }


def split(data: Path, output: Path, *options: str) -> Dict[str, List[str]]:
    main(["split", str(data), "--output", str(output), *options])
    return keys_of(output)


def test_each_document_is_in_one_split_in_its_order(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    data = write(tmp_path / "all.jsonl", KEYS)
    splits = split(data, tmp_path / "out", "--dev", "0.2", "--test", "3")
    assert {name: len(keys) for name, keys in splits.items()} == {
        "dev.json": 4,
        "test.json": 3,
        "train.json": 13,
    }
    assert sorted(key for keys in splits.values() for key in keys) == sorted(KEYS)
    assert all(keys == sorted(keys, key=KEYS.index) for keys in splits.values())
    # Lines are copied byte by byte.
    assert '{"doc_key":  "' in (tmp_path / "out" / "dev.json").read_text()
    assert capsys.readouterr().out.splitlines()[0] == f"{tmp_path}/out/train.json: 13 documents"


def test_the_split_depends_only_on_keys_and_seed(tmp_path: Path) -> None:
    first = split(write(tmp_path / "a", KEYS), tmp_path / "1")
    second = split(write(tmp_path / "b", KEYS[::-1]), tmp_path / "2")
    assert {*first["dev.json"]} == {*second["dev.json"]}
    other = split(tmp_path / "a", tmp_path / "3", "--seed", "2")
    assert {*first["dev.json"]} != {*other["dev.json"]}


def test_lines_with_the_same_key_stay_together(tmp_path: Path) -> None:
    data = write(tmp_path / "all.jsonl", [*KEYS, *KEYS])
    for keys in split(data, tmp_path / "out", "--dev", "0.5", "--test", "0").values():
        assert len(keys) == 20 and len({*keys}) == 10


def test_folds_hold_out_each_document_once(tmp_path: Path) -> None:
    data = write(tmp_path / "all.jsonl", KEYS)
    splits = split(data, tmp_path / "out", "--folds", "3")
    assert [len(splits[f"fold_{k}_of_3/dev.json"]) for k in (1, 2, 3)] == [7, 7, 6]
    held_out = [key for k in (1, 2, 3) for key in splits[f"fold_{k}_of_3/dev.json"]]
    assert sorted(held_out) == sorted(KEYS)
    for k in (1, 2, 3):
        both = splits[f"fold_{k}_of_3/dev.json"] + splits[f"fold_{k}_of_3/train.json"]
        assert sorted(both) == sorted(KEYS)


@pytest.mark.parametrize(
    "options, complaint",
    [
        (["--dev", "15", "--test", "5"], "need 20 of 20 documents, which leaves none"),
        (["--folds", "21"], "between 2 and the number of documents, 20, got 21"),
        (["--folds", "1"], "got 1"),
    ],
)
def test_impossible_sizes_are_refused(tmp_path: Path, options: List[str], complaint: str) -> None:
    data = write(tmp_path / "all.jsonl", KEYS)
    with pytest.raises(SystemExit, match=complaint):
        split(data, tmp_path / "out", *options)
    assert not (tmp_path / "out").exists()


def test_the_input_is_never_overwritten(tmp_path: Path) -> None:
    data = write(tmp_path / "dev.json", KEYS)
    before = data.read_text()
    with pytest.raises(SystemExit, match="dev.json"):
        split(data, tmp_path)
    assert data.read_text() == before
    assert [file.name for file in tmp_path.iterdir() if file.suffix == ".json"] == ["dev.json"]


def test_a_document_without_a_key_is_named(tmp_path: Path) -> None:
    data = tmp_path / "all.jsonl"
    data.write_text('{"id": 1}\n{"sentences": []}\n')
    with pytest.raises(
        SystemExit, match="line 2: the document needs an id, one of the keys doc_key, doc_id, id"
    ):
        split(data, tmp_path / "out")
