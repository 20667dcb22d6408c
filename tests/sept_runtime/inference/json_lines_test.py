import json
from typing import Iterator

import pytest

from sept_runtime.documents import DocumentError
from sept_runtime.inference.json_lines import Request, predict_lines, predict_requests
from sept_runtime.options import Decoding
from tests.sept_runtime.word_predictor import NeighborPredictor, WordPredictor

LINES = [
    b'{"id": "a", "text": "We use a parser."}',
    b'{"id": "b", "text": }',
    b"",
    b"[1, 2]",
    b'{"id": "c", "text": "caf\xe9"}',
    b'{"id": "d", "words": "We"}',
    b'{"id": "e", "title": "T", "tokens": ["A", "corpus", "of", "many", "words"]}',
    b'{"id": "f", "doc_key": "k", "text": ""}',
]


@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_an_output_for_each_line(batch_size: int) -> None:
    outputs = list(predict_lines(WordPredictor(), LINES, Decoding(), batch_size))
    ids = [output.get("id") for output in outputs]
    assert ids == ["a", None, None, None, None, "d", "e", "f"]
    (parser,) = outputs[0]["entities"]
    assert (parser["text"], parser["start"], parser["end"]) == ("parser", 9, 15)
    assert (parser["start_word"], parser["end_word"], parser["score"]) == (3, 3, 0.5)
    assert outputs[6]["predicted_ner"] == [[[1, 1, "Thing"]]]
    assert (outputs[6]["title"], outputs[6]["text"]) == ("T", "A corpus of many words")
    reasons = {output["line"]: output["error"] for output in outputs if "error" in output}
    assert reasons.keys() == {2, 3, 4, 5, 6, 8}
    assert "not valid JSON" in reasons[2]
    assert "the line is empty" in reasons[3]
    assert "expected a JSON object, found a list" in reasons[4]
    assert "not UTF-8" in reasons[5]
    assert "none of the record's fields has a name known for texts" in reasons[6]
    assert "'text' is empty" in reasons[8]
    assert outputs[7] == {"id": "f", "doc_key": "k", "error": reasons[8], "line": 8}


def test_only_errors_of_lines_name_a_line() -> None:
    requests = [Request.from_json({"text": " "}), Request.from_json({"text": "A corpus"})]
    failed, good = predict_requests(WordPredictor(), requests, Decoding())
    assert failed == {"error": "the document: 'text' is empty: there is no word in it"}
    assert len(good["entities"]) == 1


def test_the_decoding_is_passed_on() -> None:
    line = json.dumps({"text": "A parser, a corpus"}).encode()
    (output,) = predict_lines(WordPredictor(), [line], Decoding(min_score=0.6))
    assert [entity["text"] for entity in output["entities"]] == ["corpus"]


def test_relations_are_in_the_output_of_models_that_find_any() -> None:
    gold = {"ner": [[[1, 1, "A"], [4, 4, "B"]]], "relations": [[[1, 1, 4, 4, "GOLD"]]]}
    fields = {"sentences": [["A", "parser", ",", "a", "corpus"]], **gold}
    lines = [json.dumps(value).encode() for value in (fields, {"text": "A parser, a corpus"})]
    given, raw = predict_lines(NeighborPredictor(), lines, Decoding())
    for output in (given, raw):
        assert output["relations"] == [{"head": 0, "tail": 1, "label": "BEFORE", "score": 0.25}]
        assert output["predicted_relations"] == [[[1, 1, 4, 4, "BEFORE"]]]
    assert given["gold_relations"] == gold["relations"]
    assert "gold_relations" not in raw
    # What was predicted may be predicted again, and keeps its annotation.
    (again,) = predict_lines(NeighborPredictor(), [json.dumps(given).encode()], Decoding())
    assert json.dumps(again) == json.dumps(given)
    (entities_alone,) = predict_lines(WordPredictor(), lines[:1], Decoding())
    assert "relations" not in entities_alone
    assert entities_alone["gold_relations"] == gold["relations"]


def test_a_line_with_bad_relations_does_not_stop_the_others() -> None:
    sentences = {"sentences": [["A", "parser"]], "ner": [[[0, 0, "A"], [1, 1, "B"]]]}
    bad = [[[[0, 0, 1, 2, "X"]]], [[[0, 0, 0, 0, "X"]]], [[3]], 7, "x", [[], []]]
    lines = [json.dumps({**sentences, "relations": relations}).encode() for relations in bad]
    lines.append(json.dumps({**sentences, "relations": [[]]}).encode())
    *failed, good = predict_lines(NeighborPredictor(), lines, Decoding())
    assert all("relation" in output["error"] for output in failed)
    assert [output["line"] for output in failed] == [1, 2, 3, 4, 5, 6]
    assert good["gold_relations"] == [[]]


def test_lines_are_read_as_they_are_needed() -> None:
    taken = 0

    def lines() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b'{"text": "We use parsers."}' if taken % 2 else b"{"

    outputs = predict_lines(WordPredictor(), lines(), Decoding(), batch_size=2)
    for number in range(1, 4):
        assert ("error" in next(outputs)) == (number % 2 == 0)
    assert taken <= 2 * 16 + 3


def test_errors_of_reading_lines_are_raised() -> None:
    def lines() -> Iterator[bytes]:
        yield LINES[0]
        raise DocumentError("the disk is gone")

    with pytest.raises(DocumentError, match="the disk is gone"):
        list(predict_lines(WordPredictor(), lines(), Decoding()))


def test_an_empty_error_is_an_error() -> None:
    line = json.dumps({"doc_key": "d", "error": ""}).encode()
    (output,) = predict_lines(WordPredictor(), [line], Decoding())
    assert output["error"] and "entities" not in output and output["line"] == 1
