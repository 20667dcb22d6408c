import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sept_runtime.documents import AnnotatedSpan, DocumentError, Prediction, ScoredSpan
from sept_runtime.formats.json_lines import dump_line
from sept_runtime.formats.predictions import (
    FORMAT_VERSION,
    FailedInput,
    PredictedDocument,
    failure_to_json,
    prediction_from_json,
    prediction_to_json,
    read_predictions,
)
from sept_runtime.formats.scierc import document_to_scierc
from tests.sept_runtime.formats.drawn import LABELS, TEXT, bounds, documents

LINE = {
    "doc_key": "id-1",
    "title": "A title",
    "text": "We parse (fast).",
    "sentences": [["We", "parse"], ["(", "fast", ")", "."]],
    "word_offsets": [[0, 2], [3, 8], [9, 10], [10, 14], [14, 15], [15, 16]],
    "entities": [{"label": "Task", "score": 0.93, "start_word": 1, "end_word": 1}],
    "predicted_ner": [[[1, 1, "Task"]], []],
    "ner": [[], [[3, 3, "Generic"]]],
}


def test_a_line_of_the_predictor():
    prediction = prediction_from_json(LINE)
    assert prediction.title == "A title"
    assert prediction.document.text == "We parse (fast)."
    assert prediction.document.offsets[2:4] == [(9, 10), (10, 14)]
    assert prediction.document.entities == [AnnotatedSpan(3, 3, "Generic")]
    assert prediction.predicted == [ScoredSpan(1, 1, "Task", 0.93)]


def test_the_most_probable_labels_are_read():
    labels = [{"label": "Task", "score": 0.93}, {"label": "Method", "score": 0.05}]
    fields = {**LINE, "entities": [{**LINE["entities"][0], "labels": labels}]}
    (span,) = prediction_from_json(fields).predicted
    assert span.labels == (("Task", 0.93), ("Method", 0.05))


PROBABILITIES = st.floats(0, 1)


@st.composite
def predictions(draw):
    document = draw(documents(has_text=True))
    labels = st.lists(st.tuples(LABELS, PROBABILITIES), max_size=2).map(tuple)
    predicted = [
        ScoredSpan(start, end, draw(LABELS), draw(PROBABILITIES), draw(labels))
        for start, end in draw(bounds(document))
    ]
    return PredictedDocument(document, predicted, draw(st.none() | TEXT))


FAILURES = st.builds(FailedInput, TEXT, st.none() | st.integers(1))


@given(st.lists(predictions() | FAILURES, min_size=1, max_size=3))
def test_what_is_written_is_read_back(tmp_path_factory, written):
    path = tmp_path_factory.mktemp("predictions") / "predictions.jsonl"
    with path.open("w", encoding="utf-8", newline="") as file:
        for item in written:
            if isinstance(item, FailedInput):
                output = {**failure_to_json(item.reason), "line": item.line}
            else:
                given = {**document_to_scierc(item.document), "title": item.title}
                output = prediction_to_json(item.document, Prediction(item.predicted), given)
            file.write(dump_line(output))
    assert list(read_predictions(str(path))) == written


def test_keys_that_nobody_knows_are_left_alone():
    entities = [{**LINE["entities"][0], "evidence": [1, 2]}]
    fields = {**LINE, "format_version": 1, "relations": [[["?"]]], "entities": entities}
    assert prediction_from_json(fields) == prediction_from_json(LINE)


@pytest.mark.parametrize("newer", [{**LINE}, {"error": "no text", "line": 17}, {"spans": []}])
def test_a_newer_format_is_refused_in_one_line(tmp_path, newer):
    path = tmp_path / "p.jsonl"
    lines = [{**LINE, "format_version": FORMAT_VERSION}, {**newer, "format_version": 2}]
    path.write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(DocumentError) as error:
        list(read_predictions(str(path)))
    assert str(error.value) == (
        f"{path}, line 2: 'format_version' is 2, and this release reads versions up to 1: "
        "install a newer release of sept_allennlp"
    )


def test_predicted_ner_stands_in_for_entities():
    fields = {name: value for name, value in LINE.items() if name != "entities"}
    assert prediction_from_json(fields).predicted == [ScoredSpan(1, 1, "Task", None)]


def test_without_either_nothing_is_predicted():
    fields = {"doc_key": "d", "sentences": [["a"]], "ner": [[]]}
    assert prediction_from_json(fields).predicted is None


def test_words_joined_by_spaces_need_no_offsets():
    fields = {"doc_key": "d", "sentences": [["ab", "c"], ["d"]], "text": "ab c d"}
    assert prediction_from_json(fields).document.offsets == [(0, 2), (3, 4), (5, 6)]


def test_the_same_entity_twice_is_one_with_the_first_score():
    fields = {**LINE, "entities": [{**LINE["entities"][0], "score": s} for s in (0.7, 0.2)]}
    assert prediction_from_json(fields).predicted == [ScoredSpan(1, 1, "Task", 0.7)]


@pytest.mark.parametrize(
    "change, fault",
    [
        ({"text": 3}, "'text' must be a string"),
        ({"title": []}, "'title' must be a string"),
        ({"text": None}, "no 'text' to point into"),
        ({"word_offsets": [[0, 2]]}, "one for each of the 6 words"),
        ({"word_offsets": [[0, 2]] * 6}, "word 1, [0, 2], begins before"),
        (
            {"word_offsets": [[0, 2], [3, 8], [9, 10], [10, 14], [14, 15], [15, 17]]},
            "word 5, [15, 17], reaches outside the text of 16",
        ),
        (
            {"word_offsets": [[0, 2], [2, 3], [9, 10], [10, 14], [14, 15], [15, 16]]},
            "word 1, [2, 3], holds no character",
        ),
        ({"word_offsets": [[0, 2], "x", [], [], [], []]}, 'word 1, "x", is not [start, end]'),
        ({"entities": {}}, "'entities' must be a list"),
        ({"entities": [3]}, "entity 0: expected an object"),
        ({"entities": [{"label": "Task"}]}, "entity 0: 'start_word', 'end_word' is missing"),
        ({"entities": [{"start_word": 2, "end_word": 1, "label": "T"}]}, "2 to 1 are not the"),
        ({"entities": [{"start_word": -1, "end_word": 1, "label": "T"}]}, "-1 to 1 are not the"),
        ({"entities": [{"start_word": 0, "end_word": 1, "label": ""}]}, "the label must be"),
        (
            {"entities": [{"start_word": 0, "end_word": 1, "label": "T", "score": "high"}]},
            'the score must be a number, found "high"',
        ),
        (
            {"entities": [{"start_word": 0, "end_word": 1, "label": "T", "labels": [["T", 1]]}]},
            """'labels' must hold objects with 'label' and 'score', found ["T", 1]""",
        ),
        ({"entities": [{"start_word": 1, "end_word": 2, "label": "T"}]}, "outside its sentence"),
        ({"entities": [{"start_word": 6, "end_word": 6, "label": "T"}]}, "or the document"),
        ({"entities": None, "predicted_ner": [[[1]]]}, "[1], which is not [start, end, label]"),
        ({"entities": None, "predicted_ner": [3]}, "each sentence's 'predicted_ner' must be"),
        ({"ner": [[]]}, "'ner' has 1 lists for 2 sentences"),
    ],
)
def test_what_is_wrong_is_said(change, fault):
    with pytest.raises(DocumentError) as error:
        prediction_from_json({**LINE, **change}, "x.jsonl, line 4")
    assert "x.jsonl, line 4: document 'id-1'" in str(error.value)
    assert fault in str(error.value)


def test_failed_inputs_keep_their_place(tmp_path):
    path = tmp_path / "predictions.jsonl"
    lines = [LINE, {"error": "no text", "line": 17}, {"error": "odd"}, LINE]
    path.write_text("\n".join(map(json.dumps, lines)))
    read = list(read_predictions(str(path)))
    assert [type(item) for item in read] == [
        PredictedDocument,
        FailedInput,
        FailedInput,
        PredictedDocument,
    ]
    assert str(read[1]) == "input line 17: no text"
    assert str(read[2]) == "odd"


@pytest.mark.parametrize(
    "content, fault",
    [
        (b'{"error": "x"}\n{"doc_key"\n', "p.jsonl, line 2: not valid JSON"),
        (b'{"error": "x"}\n\n\xff\n', "p.jsonl, line 3: not UTF-8"),
        (b'{"format_version": "1"}', "p.jsonl, line 1: 'format_version' must be a whole number"),
        (b'{"format_version": true}', "p.jsonl, line 1: 'format_version' must be a whole number"),
        (b"[]\n", "p.jsonl, line 1: expected a JSON object"),
        (b"\n", "p.jsonl: the file holds no document"),
    ],
)
def test_malformed_files(tmp_path, content, fault):
    path = tmp_path / "p.jsonl"
    path.write_bytes(content)
    with pytest.raises(DocumentError) as error:
        list(read_predictions(str(path)))
    assert fault in str(error.value)
