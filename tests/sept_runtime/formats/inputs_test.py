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
from sept_runtime.formats.scierc import ID_KEYS
from sept_runtime.formats.word_offsets import same_characters
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
        "word_offsets": JSON,
        "id": JSON,
        "doc_id": JSON,
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
    slices = [text[start:end] for start, end in output["word_offsets"]]
    assert all(map(same_characters, slices, words))
    key = next((fields[name] for name in ID_KEYS if fields.get(name) not in (None, "")), "")
    assert output["doc_key"] == str(key)
    given = next((name for name in ("sentences", "tokens") if any(fields.get(name) or ())), "text")
    for name in ("id", "doc_id", "title") + (("ner",) if given == "sentences" else ()):
        assert json.dumps(output.get(name)) == json.dumps(fields.get(name))
    # What reads predictions takes them.
    read = prediction_from_json(output)
    assert read.document.text == text
    assert len(read.predicted_entities) == len(output["entities"])
    if given == "sentences":
        assert output["sentences"] == fields["sentences"]
    elif given == "tokens":
        assert words == fields["tokens"]
    if (fields.get("text") or "").strip():
        assert text == fields["text"]
    else:
        assert text == " ".join(words)
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
        ({"sentences": [["", " "]]}, "document 'k': 'sentences' is empty: there is no word in it"),
        ({"tokens": [], "text": None}, "document 'k': 'tokens' is empty: there is no word in it"),
        ({"text": None}, "document 'k': the object has none of the keys sentences, tokens, text"),
        ({"sentences": [["we"]], "ner": []}, "document 'k': 'ner' has 0 lists for 1 sentences; "),
        (
            {"sentences": [["we"]], "ner": [[]], "relations": [[[0, 0, 1, 1, "X"]]]},
            "document 'k', sentence 0: relation [0, 0, 1, 1, \"X\"]: there is no entity [0, 0]",
        ),
        ({"tokens": ["we", 3]}, "document 'k', word 1: expected a string, found a number"),
        ({"tokens": [["we"]]}, "document 'k', word 0: expected a string, found a list"),
    ],
)
def test_invalid_objects_are_refused(fields: Dict[str, Any], fault: str) -> None:
    with pytest.raises(DocumentError) as error:
        document_from_input({"doc_key": "k", **fields})
    assert str(error.value).startswith(fault)


def test_the_text_of_given_words_is_kept() -> None:
    text = "The  Hidden\nMarkov Model (HMM)  tags “words”."
    words = ["The", "Hidden", "Markov", "Model", "-LRB-", "HMM", "-RRB-", "tags"]
    words += ["``", "words", "''", "."]
    offsets = [(0, 3), (5, 11), (12, 18), (19, 24), (25, 26), (26, 29), (29, 30), (32, 36)]
    offsets += [(37, 38), (38, 43), (43, 44), (44, 45)]
    for fields in ({"tokens": words}, {"sentences": [words[:4], words[4:]]}):
        document = document_from_input({"text": text, **fields})
        assert (document.text, document.offsets) == (text, offsets)
        again = document_from_input({"text": text, **fields, "word_offsets": offsets})
        assert again == document


@pytest.mark.parametrize(
    "fields, fault",
    [
        (
            {"text": "We train."},
            "word 1, 'use', is not in the text at character 3: it has 'train.'",
        ),
        ({"text": "We"}, "word 1, 'use', is not in the text at character 2: it ends there"),
        (
            {"text": "We use it."},
            "the text continues after the last word, at character 7, with 'it.'",
        ),
        (
            {"text": "We use", "word_offsets": [[0, 2], [2, 5]]},
            "'word_offsets' of word 1, [2, 5], is ' us' in the text, but the word is 'use'; "
            "offsets count characters (Unicode code points)",
        ),
        ({"text": "We use", "word_offsets": [[0, 2]]}, "'word_offsets' must be a list of"),
    ],
)
def test_a_text_of_other_words_is_refused(fields: Dict[str, Any], fault: str) -> None:
    with pytest.raises(DocumentError) as error:
        document_from_input({"tokens": ["We", "use"], **fields})
    assert str(error.value).startswith(f"the document: {fault}")


def test_null_and_empty_values_are_absent() -> None:
    words: List[str] = ["We", "train"]
    expected = document_from_input({"text": "We train", "tokens": words})
    nothing = {name: None for name in ("sentences", "title", "ner", "relations", "word_offsets")}
    nothing.update(id=None, doc_key=None, doc_id=None)
    assert document_from_input({**nothing, "text": "We train", "tokens": None}).words == words
    assert document_from_input({**nothing, "text": "We train", "tokens": []}).words == words
    for text in (None, "", " "):
        assert document_from_input({**nothing, "text": text, "tokens": words}) == expected


@pytest.mark.parametrize(
    "fields, key",
    [
        ({"id": 7}, "7"),
        ({"doc_id": "a", "id": 7}, "a"),
        ({"doc_key": "k", "doc_id": "a", "id": 7}, "k"),
        ({"doc_key": None, "doc_id": "", "id": 7.5}, "7.5"),
        ({"doc_key": 3}, "3"),
        ({}, ""),
    ],
)
def test_a_document_is_named_alike_everywhere(fields: Dict[str, Any], key: str) -> None:
    fields = {"sentences": [["We"]], **fields}
    assert document_from_input(fields).key == key
    assert prediction_from_json(fields).document.key == key


def test_blank_words_are_kept(predictor: Any) -> None:
    words = ["", "We", "use", " ", "a", "parser", "\u00a0", "."]
    (line,) = predict_lines(predictor, [json.dumps({"tokens": words}).encode()], predictor.decoding)
    (bare,) = predict_lines(
        predictor,
        [json.dumps({"tokens": [word for word in words if word.strip()]}).encode()],
        predictor.decoding,
    )
    assert line["sentences"] == [words] and line["entities"]
    kept = [index for index, word in enumerate(words) if word.strip()]
    assert [
        (entity["start_word"], entity["end_word"], entity["label"]) for entity in line["entities"]
    ] == [
        (kept[entity["start_word"]], kept[entity["end_word"]], entity["label"])
        for entity in bare["entities"]
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "n", "text": "Our\n\tHidden Markov Model   improves (slightly)\nit. And \u200b so."},
        {
            "doc_id": 4,
            "text": "A  β-VAE (fast).",
            "tokens": ["A", "β-VAE", "-LRB-", "fast", ")", "."],
        },
        {
            "sentences": [["We", "", "use"], [], ["it"]],
            "ner": [[[0, 0, "X"]], [], []],
            "title": "T",
        },
        {"text": "half \ud83d of it"},
    ],
)
def test_predicting_an_output_again_changes_nothing(predictor: Any, fields: Dict[str, Any]) -> None:
    def predicted(given: Any) -> Any:
        (output,) = predict_lines(predictor, [dump_line(given).encode()], predictor.decoding)
        return output

    once = predicted(fields)
    assert "error" not in once
    assert dump_line(predicted(once)) == dump_line(once)
    failed = predicted({"id": 1, "words": 2})
    assert predicted(failed) == failed
