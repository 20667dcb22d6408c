import csv
import json
from pathlib import Path

import pytest

from sept_runtime.commands import main

TEXT = "We train a <b>CRF</b> for parsing. It works."
DOCUMENT = {
    "doc_key": "d1",
    "text": TEXT,
    "sentences": [["We", "train", "a", "<b>CRF</b>", "for", "parsing", "."], ["It", "works", "."]],
    "ner": [[[3, 3, "Method"], [5, 5, "Task"]], [[7, 7, "Generic"]]],
}


def entity(word: int, label: str, score: float) -> dict:
    return {"start_word": word, "end_word": word, "label": label, "score": score}


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    found = [entity(3, "Task", 0.75), entity(5, "Task", 0.95), entity(8, "Method", 0.5)]
    file = tmp_path / "predictions.jsonl"
    file.write_text(json.dumps({**DOCUMENT, "entities": found}) + "\n")
    return file


@pytest.fixture
def other(tmp_path: Path) -> Path:
    file = tmp_path / "other.jsonl"
    found = [entity(7, "Generic", 0.6)]
    failed = {"error": "the line is empty", "line": 2}
    file.write_text(json.dumps({**DOCUMENT, "entities": found}) + "\n" + json.dumps(failed) + "\n")
    return file


def test_tables_and_examples_are_printed(
    predictions: Path, other: Path, capsys: pytest.CaptureFixture
) -> None:
    main(["errors", str(predictions), "--against", str(other)])
    captured = capsys.readouterr()
    rows = [
        [cell.strip() for cell in line.strip("│").split("│")]
        for line in captured.out.splitlines()
        if line.startswith("│")
    ]
    # Of 3 gold and 3 predicted entities one is right.
    assert ["all", "3", "3", "1", "0.333", "0.333", "0.333"] in rows
    assert ["label wrong", "1", "33.3%", "33.3%"] in rows
    assert ["missed", "1", "33.3%", ""] in rows
    assert ["spurious", "1", "", "33.3%"] in rows
    assert ["0.9 to 1.0", "1", "0.950", "1.000"] in rows
    # Both, only first, only second, neither.
    assert ["all", "0", "1", "1", "1"] in rows
    assert "  d1: Method → Task 0.75: We train a [{<b>CRF</b>}] for parsing ." in captured.out
    assert "  d1: — → Method 0.50: It {works} ." in captured.out
    assert "found only by the second system (1)" in captured.out
    assert captured.err == f"{other}: 1 failed inputs are left out\n"


def test_a_page_and_a_table_of_all_entities(predictions: Path, tmp_path: Path) -> None:
    page, table = tmp_path / "errors.html", tmp_path / "errors.csv"
    main(["errors", str(predictions), "--html", str(page), "--csv", str(table)])
    html = page.read_text()
    assert "<b>CRF" not in html and "&lt;b&gt;CRF&lt;/b&gt;" in html
    assert "By sentence" in html and "<svg" in html and 'id="confusion"' in html
    # Nothing is loaded from elsewhere.
    assert "http://" not in html and "https://" not in html and "<script" not in html
    rows = list(csv.DictReader(table.open(newline="")))
    assert [row["outcome"] for row in rows] == ["right", "label wrong", "missed", "spurious"]
    wrong = rows[1]
    assert (wrong["gold_label"], wrong["predicted_label"]) == ("Method", "Task")
    assert wrong["gold_text"] == wrong["predicted_text"] == "<b>CRF</b>"
    assert (wrong["score"], wrong["width"], wrong["sentence_length"]) == ("0.7500", "1", "7")
    # As in the text, and not words joined by spaces.
    assert wrong["sentence"] == "We train a <b>CRF</b> for parsing."


def test_options(predictions: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    train = tmp_path / "train.json"
    train.write_text(json.dumps({**DOCUMENT, "doc_key": "t"}) + "\n")
    main(["errors", str(predictions), "--train", str(train), "--min-score", "0.9"])
    printed = capsys.readouterr().out
    assert "seen with this label" in printed and "spurious (" not in printed
    main(["errors", str(predictions), "--examples", "0"])
    assert "→" not in capsys.readouterr().out


def test_an_input_is_never_overwritten(predictions: Path) -> None:
    before = predictions.read_text()
    with pytest.raises(SystemExit, match="predictions.jsonl"):
        main(["errors", str(predictions), "--csv", str(predictions)])
    assert predictions.read_text() == before


def test_predictions_without_gold_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "p.jsonl"
    file.write_text(json.dumps({**DOCUMENT, "ner": None, "entities": []}))
    with pytest.raises(SystemExit, match="line 1: document 'd1' needs both gold entities"):
        main(["errors", str(file)])
