import json

import pytest

from sept_runtime.commands import main

PREDICTION = {
    "doc_key": "id-1",
    "text": "We parse .",
    "sentences": [["We", "parse", "."]],
    "entities": [{"label": "Task", "score": 0.93, "start_word": 1, "end_word": 1}],
    "ner": [[[1, 1, "Task"]]],
}


def run(*arguments):
    main(["html", *map(str, arguments)])


def test_a_page_is_written(tmp_path, capsys):
    predictions, page = tmp_path / "predictions.jsonl", tmp_path / "page.html"
    lines = [PREDICTION, {"error": "the text is empty", "line": 2}]
    predictions.write_text("\n".join(map(json.dumps, lines)))
    run(predictions, page)
    content = page.read_text(encoding="utf-8")
    assert "<title>predictions.jsonl</title>" in content
    assert "Task · score 0.930 · as in the gold annotation" in content
    assert "input line 2: the text is empty" in content
    output = capsys.readouterr()
    assert output.err == f"{predictions}: 1 failed inputs\n"
    assert output.out == f"{page}: 1 document\n"


def test_title_and_half_a_surrogate_pair(tmp_path):
    predictions, page = tmp_path / "predictions.jsonl", tmp_path / "page.html"
    predictions.write_text(json.dumps({**PREDICTION, "doc_key": "\ud800"}))
    run(predictions, page, "--title", "Mine")
    assert "<h1><bdi>Mine</bdi></h1>" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("content", ["{", '{"doc_key": "d"}', "", None])
def test_errors_are_one_line_and_no_page_is_left(tmp_path, content):
    predictions, page = tmp_path / "predictions.jsonl", tmp_path / "page.html"
    if content is not None:
        predictions.write_text(content)
    with pytest.raises(SystemExit) as error:
        run(predictions, page)
    assert str(error.value).startswith(f"sept html: {predictions}")
    assert not page.exists()


def test_the_predictions_are_not_replaced(tmp_path):
    predictions = tmp_path / "predictions.jsonl"
    predictions.write_text(json.dumps(PREDICTION))
    with pytest.raises(SystemExit, match="the output is the input"):
        run(predictions, predictions)
    assert json.loads(predictions.read_text()) == PREDICTION


def test_a_page_in_a_folder_that_is_not_there(tmp_path):
    predictions = tmp_path / "predictions.jsonl"
    predictions.write_text(json.dumps(PREDICTION))
    with pytest.raises(SystemExit, match="sept html: .*no/page.html"):
        run(predictions, tmp_path / "no" / "page.html")
