"""
Whatever the lines of a file hold, each yields a line, and offsets that are exact or an error.

`make fuzz` runs this file with tens of thousands of inputs.
"""

import json
from typing import Any, Dict, List

import pytest
from allennlp.predictors import Predictor
from hypothesis import given
from hypothesis import strategies as st

from sept_runtime.documents import AnnotatedRelation, AnnotatedSpan, Document, DocumentError
from sept_runtime.formats.inputs import document_from_input
from sept_runtime.formats.json_lines import dump_line
from sept_runtime.formats.predictions import prediction_from_json
from sept_runtime.inference.json_lines import predict_lines
from sept_runtime.onnx import ExportedPredictor

# Surrogates too: JSON can express halves of characters.
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))
FRAGMENTS = (
    "e.g. i.e. et al. Fig. 3 (Smith 2019) [12] 92.4% F1-score C++ $O(n^2)$ β ﬁ é \u0301"
    " \u200b \u202e -LRB- . ... ? ! \n \n\n \t \x00 ' '' `` \" – — https://a.b/c we use parsers"
)
SCIENTIFIC = st.lists(st.sampled_from(FRAGMENTS.split(" "))).map(" ".join)
TEXT = ANY_TEXT | SCIENTIFIC
WORDS = st.lists(TEXT, max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "text": TEXT | JSON,
        "tokens": WORDS | JSON,
        "sentences": st.lists(WORDS, max_size=4) | JSON,
        "id": JSON,
        "doc_key": JSON,
        "title": JSON,
        "ner": JSON,
        "relations": JSON,
        "gold_relations": JSON,
        "predicted_relations": JSON,
    },
)
LINE = (
    st.binary(max_size=60).map(lambda line: line.replace(b"\n", b" "))
    | (FIELDS | JSON).map(lambda value: json.dumps(value).encode())
    | FIELDS.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
)


@pytest.fixture(scope="module", params=["archive", "exported"])
def predictor(request: pytest.FixtureRequest, trained_archive: str) -> Any:
    if request.param == "archive":
        return Predictor.from_path(trained_archive)
    return ExportedPredictor(request.getfixturevalue("exported_model"))


@given(lines=st.lists(LINE, max_size=6))
def test_no_line_is_lost_and_offsets_are_exact(predictor: Any, lines: List[bytes]) -> None:
    outputs = list(predict_lines(predictor, lines, predictor.decoding, batch_size=3))
    assert len(outputs) == len(lines)
    for number, (line, output) in enumerate(zip(lines, outputs), start=1):
        written = json.loads(dump_line(output).encode("utf-8").decode("utf-8"))
        if "error" in written:
            assert written["line"] == number
            assert written["error"]
        else:
            check(json.loads(line.decode("utf-8-sig")), written)


def check(fields: Dict[str, Any], output: Dict[str, Any]) -> None:
    text = output["text"]
    words = [word for sentence in output["sentences"] for word in sentence]
    assert [text[start:end] for start, end in output["word_offsets"]] == words
    if fields.get("doc_key") is not None:
        assert output["doc_key"] == fields["doc_key"]
    for name in ("id", "title") + (("ner",) if "sentences" in fields else ()):
        if name in fields:
            assert json.dumps(output[name]) == json.dumps(fields[name])
    # What reads predictions takes them.
    read = prediction_from_json(output)
    assert read.document.text == text
    assert len(read.predicted_entities) == len(output["entities"])
    if "sentences" in fields:
        assert output["sentences"] == fields["sentences"]
    elif "tokens" in fields:
        assert words == fields["tokens"]
    else:
        assert text == fields["text"]
    for entity in output["entities"]:
        assert text[entity["start"] : entity["end"]] == entity["text"]
        assert 0.0 <= entity["score"] <= 1.0
    found = [[e["start_word"], e["end_word"], e["label"]] for e in output["entities"]]
    assert sorted(span for sentence in output["predicted_ner"] for span in sentence) == sorted(
        found
    )


def test_sentences_may_bring_their_annotation() -> None:
    sentences = [["We", "parse"], ["-LRB-", "fast", "-RRB-"]]
    ner: List[Any] = [[[1, 1, "Task"]], [[3, 3, "Generic"], [3, 3, "Generic"]]]
    assert document_from_input({"id": 5, "sentences": sentences, "ner": ner}) == Document(
        "5",
        sentences,
        [AnnotatedSpan(1, 1, "Task"), AnnotatedSpan(3, 3, "Generic")],
        "We parse -LRB- fast -RRB-",
        [(0, 2), (3, 8), (9, 14), (15, 19), (20, 25)],
    )
    assert document_from_input({"sentences": sentences}).entities is None
    # It was given with other words, perhaps.
    assert document_from_input({"tokens": sentences[0], "ner": ner}).entities is None


def test_sentences_may_bring_relations_too() -> None:
    fields: Dict[str, Any] = {
        "sentences": [["We", "parse"]],
        "ner": [[[0, 0, "Generic"], [1, 1, "Task"]]],
        "relations": [[[0, 0, 1, 1, "USED-FOR"], [0, 0, 1, 1, "USED-FOR"]]],
    }
    relations = [AnnotatedRelation((0, 0), (1, 1), "USED-FOR")]
    assert document_from_input(fields).relations == relations
    assert document_from_input({**fields, "relations": None}).relations is None
    tokens = {**fields, "tokens": ["We", "parse"]}
    del tokens["sentences"]
    assert document_from_input(tokens).relations is None


@pytest.mark.parametrize(
    "fields, fault",
    [
        ({"sentences": [["we"], ["a", ""]]}, "document 'k', sentence 1, word 1: the word is empty"),
        ({"sentences": [["we"]], "ner": []}, "document 'k': 'ner' has 0 lists for 1 sentences; "),
        (
            {"sentences": [["we"]], "ner": [[]], "relations": [[[0, 0, 1, 1, "X"]]]},
            "document 'k', sentence 0: relation [0, 0, 1, 1, \"X\"]: there is no entity [0, 0]",
        ),
        ({"tokens": ["we", 3]}, "document 'k', word 1: expected a string, found a number"),
        ({"tokens": [["we"]]}, "document 'k', word 0: expected a string, found a list"),
    ],
)
def test_what_is_wrong_is_said(fields: Dict[str, Any], fault: str) -> None:
    with pytest.raises(DocumentError) as error:
        document_from_input({"doc_key": "k", **fields})
    assert str(error.value).startswith(fault)
