import json
from pathlib import Path

import pytest

from sept_runtime.commands import main

LINES = [
    {
        "doc_key": "a",
        "title": "On [red]parsers[/red]",
        "text": "We use\na parser.",
        "sentences": [["We", "use", "a", "parser", "."]],
        "word_offsets": [[0, 2], [3, 6], [7, 8], [9, 15], [15, 16]],
        "entities": [{"start_word": 1, "end_word": 3, "label": "Method", "score": 0.875}],
    },
    {"error": "not valid JSON", "line": 2},
    {
        "doc_key": "c",
        "sentences": [["We", "win"]],
        "predicted_ner": [[[0, 0, "Generic"], [1, 1, "Task"]]],
        "predicted_relations": [[[0, 0, 1, 1, "USED-FOR"]]],
    },
]


@pytest.fixture
def predictions(tmp_path: Path) -> str:
    path = tmp_path / "predictions.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in LINES))
    return str(path)


def test_tables_of_entities(predictions: str, capsys: pytest.CaptureFixture) -> None:
    main(["show", predictions])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["On", "[red]parsers[/red]"] in lines
    assert ["use", "a", "parser", "Method", "0.88", "3–15"] in lines
    assert ["input", "line", "2:", "not", "valid", "JSON"] in lines
    assert ["win", "Task", "3–6"] in lines
    assert ["We", "USED-FOR", "win"] in lines


def test_only_the_first_documents_are_shown(
    predictions: str, capsys: pytest.CaptureFixture
) -> None:
    main(["show", predictions, "--documents", "1"])
    out = capsys.readouterr().out
    assert "parser" in out and "win" not in out
    assert "Stopped after 1 document; use --all to show all." in out
    main(["show", predictions, "--all"])
    out = capsys.readouterr().out
    assert "parser" in out and "win" in out and "Stopped" not in out


def test_nothing_is_read_beyond_the_documents_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / "predictions.jsonl"
    path.write_text(json.dumps(LINES[2]) + "\n{not JSON\n")
    main(["show", str(path), "--documents", "1"])
    assert "USED-FOR" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="line 2: not valid JSON"):
        main(["show", str(path)])


@pytest.mark.parametrize("number", ["0", "-3", "1.5", "many"])
def test_a_number_of_documents_is_checked(
    predictions: str, number: str, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["show", predictions, "--documents", number])
    assert exit.value.code == 2
    message = f"--documents: must be a whole number, 1 or more, got {number!r}"
    assert message in capsys.readouterr().err


def test_gold_entities_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / "dev.json"
    fields = {"doc_key": "g", "sentences": [["We", "win"]], "ner": [[[1, 1, "Task"]]]}
    path.write_text(json.dumps(fields))
    main(["show", str(path)])
    assert ["win", "Task", "3–6"] in [line.split() for line in capsys.readouterr().out.splitlines()]


def test_a_bad_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text("{}\n")
    with pytest.raises(SystemExit, match="^sept show: .*bad.jsonl, line 1.*'sentences'"):
        main(["show", str(path)])
