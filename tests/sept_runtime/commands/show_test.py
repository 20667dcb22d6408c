import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict

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


SENTENCE = {"doc_key": "d", "sentences": [["We", "use", "LSTM"]]}
ENTITY = {"start_word": 2, "end_word": 2, "label": "Method"}


@pytest.mark.parametrize(
    "fields, fault",
    [
        ({"entities": [{**ENTITY, "score": 10**400}]}, "entity 0: the score must be a number"),
        ({"entities": [{**ENTITY, "score": -0.5}]}, "entity 0: the score must be a number"),
        (
            {
                "entities": [ENTITY, {**ENTITY, "start_word": 0}],
                "relations": [{"head": 0, "tail": 1, "label": "R", "score": 1e300}],
            },
            "relation 0: the score must be a number",
        ),
        # Offsets in UTF-16 units: each is one more than in characters.
        ({"text": "🧬 We use LSTM", "word_offsets": [[3, 5], [6, 9], [10, 14]]}, "'word_offsets'"),
        ({"text": "We use LSTM.", "word_offsets": [[0, 2], [3, 6], [8, 12]]}, "'word_offsets'"),
        ({"text": "We use LSTM", "entities": [{**ENTITY, "start": 8}]}, "'start' is 8"),
    ],
)
@pytest.mark.parametrize("command", ["show", "html", "convert"])
def test_contradictions_are_refused_in_a_line(
    command: str, fields: Dict[str, Any], fault: str, tmp_path: Path
) -> None:
    source = tmp_path / "predictions.jsonl"
    source.write_text(json.dumps({**SENTENCE, **fields}))
    arguments = {
        "show": [str(source)],
        "html": [str(source), str(tmp_path / "page.html")],
        "convert": [str(source), str(tmp_path / "brat"), "--to", "brat"],
    }
    with pytest.raises(SystemExit) as error:
        main([command, *arguments[command]])
    message = str(error.value)
    assert message.startswith(f"sept {command}: {source}, line 1: ") and fault in message
    assert "\n" not in message and len(message) < 500
    assert not (tmp_path / "page.html").exists()


def test_standard_input(
    predictions: str, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["show", predictions])
    expected = capsys.readouterr().out
    content = io.BytesIO(Path(predictions).read_bytes())
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=content))
    main(["show", "-"])
    assert capsys.readouterr().out == expected


def test_characters_that_the_terminal_lacks_are_escaped(predictions: str) -> None:
    sentences, entities = [["β", "机", "LSTM"]], [{**ENTITY, "start_word": 0}]
    fields = {"doc_key": "d", "sentences": sentences, "entities": entities}
    Path(predictions).write_text(json.dumps(fields))
    program = "from sept_runtime.commands import main; main()"
    for encoding in ("ascii", "cp1252"):
        run = subprocess.run(
            [sys.executable, "-c", program, "show", predictions],
            env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": os.getcwd()},
            capture_output=True,
            check=True,
        )
        shown = run.stdout.decode(encoding)
        assert "\\u03b2 \\u673a LSTM" in shown and "Method" in shown


def test_a_reader_that_stops_early_is_no_error(predictions: str) -> None:
    program = "from sept_runtime.commands import main; main()"
    source = Path(predictions)
    source.write_text(f"{json.dumps(LINES[0])}\n" * 5000)
    run = subprocess.Popen(
        [sys.executable, "-c", program, "show", predictions, "--all"],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert run.stdout is not None and run.stderr is not None
    run.stdout.readline()
    run.stdout.close()
    assert run.stderr.read() == b""
    run.stderr.close()
    assert run.wait(timeout=60) == 1
