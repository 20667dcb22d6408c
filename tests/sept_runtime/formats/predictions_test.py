import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sept_runtime.documents import (
    AnnotatedRelation,
    AnnotatedSpan,
    DocumentError,
    Prediction,
    ScoredRelation,
    ScoredSpan,
)
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
from tests.sept_runtime.formats.drawn import LABELS, TEXT, bounds, documents, pairs

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


def entity(**changes):
    return {"label": "Task", "score": 0.93, "start_word": 1, "end_word": 1, **changes}


def test_a_line_of_the_predictor():
    prediction = prediction_from_json(LINE)
    assert prediction.title == "A title"
    assert prediction.document.text == "We parse (fast)."
    assert prediction.document.offsets[2:4] == [(9, 10), (10, 14)]
    assert prediction.document.entities == [AnnotatedSpan(3, 3, "Generic")]
    assert prediction.predicted == Prediction([ScoredSpan(1, 1, "Task", 0.93)])


def test_spellings_of_the_same_text_do_not_contradict():
    fields = {
        "text": "We\u00a0PARSE (“na\u0131ve”  caf\u00e9).",
        "sentences": [["We", "parse", "-LRB-", "``", "na\u0131ve", "''", "cafe\u0301", ")", "."]],
        "entities": [
            {"label": "X", "start_word": 2, "end_word": 6, "start": 9, "text": "(“na\u0131ve” café"}
        ],
    }
    document = prediction_from_json(fields).document
    assert [document.text[start:end] for start, end in document.offsets] == [
        *["We", "PARSE", "(", "“", "na\u0131ve", "”", "café", ")", "."]
    ]


def test_null_is_absent():
    nothing = dict.fromkeys(["id", "title", "ner", "relations", "soft_ner", "error", "clusters"])
    nothing.update(dict.fromkeys(["word_offsets", "format_version", "predicted_relations"]))
    fields = {**LINE, **nothing, "entities": [entity(labels=None, start=None, end=None, text=None)]}
    read = prediction_from_json(fields)
    assert read.title is None and read.document.entities is None
    assert read.predicted == Prediction([ScoredSpan(1, 1, "Task", 0.93)])
    assert prediction_from_json({**LINE, "entities": None}).predicted_entities[0].score is None


def test_the_most_probable_labels_are_read():
    labels = [{"label": "Task", "score": 0.93}, {"label": "Method", "score": 0.05}]
    fields = {**LINE, "entities": [{**LINE["entities"][0], "labels": labels}]}
    (span,) = prediction_from_json(fields).predicted_entities
    assert span.labels == (("Task", 0.93), ("Method", 0.05))


PROBABILITIES = st.floats(0, 1)


@st.composite
def predictions(draw):
    document = draw(documents(has_text=True))
    labels = st.lists(st.tuples(LABELS, PROBABILITIES), max_size=2).map(tuple)
    places = draw(bounds(document))
    prediction = Prediction(
        [
            ScoredSpan(start, end, draw(LABELS), draw(PROBABILITIES), draw(labels))
            for start, end in places
        ]
    )
    if draw(st.booleans()):
        prediction = prediction._replace(
            relations=[
                ScoredRelation(head, tail, draw(LABELS), draw(PROBABILITIES))
                for head, tail in draw(pairs(document, places))
            ],
            symmetric_labels=draw(st.none() | st.lists(LABELS, max_size=2).map(tuple)),
        )
    return PredictedDocument(document, prediction, draw(st.none() | TEXT))


FAILURES = st.builds(FailedInput, TEXT, st.none() | st.integers(1))


@given(st.lists(predictions() | FAILURES, min_size=1, max_size=3))
def test_written_predictions_are_read_back(tmp_path_factory, written):
    path = tmp_path_factory.mktemp("predictions") / "predictions.jsonl"
    with path.open("w", encoding="utf-8", newline="") as file:
        for item in written:
            if isinstance(item, FailedInput):
                output = {**failure_to_json(item.reason), "line": item.line}
            else:
                given = {**document_to_scierc(item.document), "title": item.title}
                output = prediction_to_json(item.document, item.predicted, given)
            file.write(dump_line(output))
    assert list(read_predictions(str(path))) == written


def test_unknown_keys_are_ignored():
    entities = [{**LINE["entities"][0], "evidence": [1, 2]}]
    fields = {**LINE, "format_version": 1, "clusters": [[["?"]]], "entities": entities}
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
    assert prediction_from_json(fields).predicted_entities == [ScoredSpan(1, 1, "Task", None)]


def test_a_line_without_predicted_entities_has_no_prediction():
    fields = {"doc_key": "d", "sentences": [["a"]], "ner": [[]]}
    assert prediction_from_json(fields).predicted is None


def test_words_joined_by_spaces_need_no_offsets():
    fields = {"doc_key": "d", "sentences": [["ab", "c"], ["d"]], "text": "ab c d"}
    assert prediction_from_json(fields).document.offsets == [(0, 2), (3, 4), (5, 6)]


def test_the_same_entity_twice_is_one_with_the_first_score():
    fields = {**LINE, "entities": [{**LINE["entities"][0], "score": s} for s in (0.7, 0.2)]}
    assert prediction_from_json(fields).predicted_entities == [ScoredSpan(1, 1, "Task", 0.7)]


RELATED = {
    **LINE,
    "entities": [
        {"label": "Task", "score": 0.9, "start_word": 1, "end_word": 1},
        {"label": "Generic", "score": 0.8, "start_word": 3, "end_word": 3},
        {"label": "Method", "score": 0.7, "start_word": 0, "end_word": 0},
    ],
    "relations": [{"head": 2, "tail": 0, "label": "USED-FOR", "score": 0.6}],
    "predicted_relations": [[[0, 0, 1, 1, "USED-FOR"]], []],
    "gold_relations": [[], []],
}


def test_relations_are_written_by_index_and_by_word():
    predicted = prediction_from_json(RELATED)
    assert predicted.predicted.relations == [ScoredRelation(2, 0, "USED-FOR", 0.6)]
    assert predicted.document.relations == []
    written = prediction_to_json(predicted.document, predicted.predicted, LINE)
    for name in ("relations", "predicted_relations", "gold_relations", "ner"):
        assert written[name] == RELATED[name] if name in RELATED else LINE[name]
    # What is gold belongs to the sentences that it was given with.
    assert "gold_relations" not in prediction_to_json(predicted.document, predicted.predicted, {})


def test_a_model_without_relations_writes_none_and_one_that_found_none_says_so():
    document = prediction_from_json(LINE).document
    assert "relations" not in prediction_to_json(document, Prediction([]), LINE)
    written = json.loads(dump_line(prediction_to_json(document, Prediction([], []), LINE)))
    assert (written["relations"], written["predicted_relations"]) == ([], [[], []])
    assert prediction_from_json(written).predicted == Prediction([], [])
    assert prediction_from_json({**written, "gold_relations": None}).document.relations is None


def test_the_relations_of_a_scierc_file_are_its_gold_ones():
    fields = {
        "doc_key": "d",
        "sentences": [["a", "b"]],
        "ner": [[[0, 0, "T"], [1, 1, "M"]]],
        "relations": [[[1, 1, 0, 0, "USED-FOR"]]],
    }
    read = prediction_from_json(fields)
    assert read.document.relations == [AnnotatedRelation((1, 1), (0, 0), "USED-FOR")]
    assert read.predicted is None
    # And those of the systems that leave them where they are, with their predictions beside them.
    others = {"predicted_ner": fields["ner"], "predicted_relations": fields["relations"]}
    read = prediction_from_json({**fields, **others})
    assert read.document.relations == [AnnotatedRelation((1, 1), (0, 0), "USED-FOR")]
    assert read.predicted.relations == [ScoredRelation(1, 0, "USED-FOR")]


def test_predicted_relations_stand_in_for_relations():
    fields = {name: value for name, value in RELATED.items() if name != "relations"}
    fields["predicted_relations"] = [[[0, 0, 1, 1, "A", 0.5], [0, 0, 0, 1, "B"]], []]
    # The second is not between predicted entities.
    assert prediction_from_json(fields).predicted.relations == [ScoredRelation(2, 0, "A")]


def test_indices_count_the_entities_that_the_line_lists():
    twice = [RELATED["entities"][0], *RELATED["entities"]]
    relations = [
        {"head": 3, "tail": tail, "label": "USED-FOR", "score": score}
        for tail, score in ((1, 0.6), (0, 0.5))
    ]
    read = prediction_from_json({**RELATED, "entities": twice, "relations": relations})
    assert [entity.start for entity in read.predicted.entities] == [1, 3, 0]
    assert read.predicted.relations == [ScoredRelation(2, 0, "USED-FOR", 0.6)]


@pytest.mark.parametrize("labels", ["A", ["A", 3], [""]])
def test_unknown_symmetric_labels_are_refused(labels):
    with pytest.raises(DocumentError, match="x.jsonl, line 4: .*'symmetric_relation_labels'"):
        prediction_from_json({**RELATED, "symmetric_relation_labels": labels}, "x.jsonl, line 4")


@pytest.mark.parametrize(
    "relation, fault",
    [
        (3, "relation 0: expected an object, found 3"),
        ({"head": 0}, "relation 0: 'tail', 'label' is missing"),
        (
            {"head": 0, "tail": 3, "label": "X"},
            "relation 0: the tail must be the index of one of the 3 'entities', found 3",
        ),
        ({"head": "0", "tail": 1, "label": "X"}, "the head must be the index of one of the 3 'en"),
        ({"head": 0, "tail": 2, "label": None}, "relation 0: the label must be a string"),
        ({"head": 0, "tail": 2, "label": "X", "score": "?"}, "relation 0: the score must be a num"),
        ({"head": 0, "tail": 0, "label": "X"}, "relation 0 relates an entity to itself"),
        ({"head": 0, "tail": 1, "label": "X"}, "relation 0 is between entities of two sentences"),
    ],
)
def test_impossible_relations_are_refused(relation, fault):
    # Beside an object, so that it is no annotation.
    fields = {**RELATED, "relations": [relation, *RELATED["relations"]]}
    with pytest.raises(DocumentError) as error:
        prediction_from_json(fields, "x.jsonl, line 4")
    assert str(error.value).startswith("x.jsonl, line 4: document 'id-1'")
    assert fault in str(error.value)


@pytest.mark.parametrize(
    "change, fault",
    [
        ({"predicted_relations": {}}, "'predicted_relations' must be a list"),
        ({"predicted_relations": [3]}, "each sentence's 'predicted_relations' must be a list"),
        ({"predicted_relations": [[[0, 0, 1, 1]]]}, "is not [start, end, start, end, label]"),
        ({"predicted_relations": [[[0, 0, 1, -1, "X"]]]}, "is not [start, end, start, end, label]"),
        ({"predicted_relations": [[[0, 0, 1, 1, 7]]]}, "the label must be a string"),
        ({"predicted_relations": [[[0, 0, 3, 3, "X"]]]}, "is between entities of two sentences"),
    ],
)
def test_impossible_predicted_relations_are_refused(change, fault):
    with pytest.raises(DocumentError) as error:
        prediction_from_json({**RELATED, "relations": None, **change})
    assert fault in str(error.value)


def test_relations_without_entities_are_refused():
    fields = {**RELATED, "entities": None, "predicted_ner": None}
    with pytest.raises(DocumentError, match="'relations' needs 'entities'"):
        prediction_from_json(fields)


@pytest.mark.parametrize(
    "change, fault",
    [
        ({"text": 3}, "'text' must be a string"),
        ({"title": []}, "'title' must be a string"),
        ({"text": None}, "'word_offsets' needs 'text'"),
        ({"word_offsets": [[0, 2]]}, "one for each of the 6 words"),
        ({"word_offsets": [[0, 2]] * 6}, "word 1, [0, 2], begins before"),
        (
            {"word_offsets": [[0, 2], [3, 8], [9, 10], [10, 14], [14, 15], [15, 17]]},
            "word 5, [15, 17], reaches outside the text of 16",
        ),
        (
            {"word_offsets": [[0, 2], [2, 3], [9, 10], [10, 14], [14, 15], [15, 16]]},
            "word 1, [2, 3], is ' ' in the text",
        ),
        ({"word_offsets": [[0, 2], "x", [], [], [], []]}, 'word 1, "x", is not [start, end]'),
        ({"text": "We  parse"}, "word 1, [3, 8], is ' pars' in the text, but the word is 'parse'"),
        ({"word_offsets": None, "text": "Other words."}, "word 0, 'We', is not in the text"),
        ({"entities": [entity(start=4)]}, "entity 0: 'start' is 4, but should be 3 by its words"),
        (
            {"entities": [entity(end="8")]},
            """entity 0: 'end' is "8", but should be 8 by its words""",
        ),
        (
            {"entities": [entity(text="parsed")]},
            """'text' is "parsed", but its words are""",
        ),
        (
            {"entities": [entity(score=10**400)]},
            "a number from 0 to 1, found 1000",
        ),
        ({"entities": [entity(score=-0.5)]}, "the score must be a number from 0 to 1, found -0.5"),
        ({"entities": {}}, "'entities' must be a list"),
        ({"entities": [3]}, "entity 0: expected an object"),
        ({"entities": [{"label": "Task"}]}, "entity 0: 'start_word', 'end_word' is missing"),
        (
            {"entities": [{"start_word": 2, "end_word": 1, "label": "T"}]},
            "begin with word 2 and end with word 1 ",
        ),
        (
            {"entities": [{"start_word": -1, "end_word": 1, "label": "T"}]},
            "begin with word -1 and end with word 1 ",
        ),
        ({"entities": [{"start_word": 0, "end_word": 1, "label": ""}]}, "the label must be"),
        (
            {"entities": [{"start_word": 0, "end_word": 1, "label": "T", "score": "high"}]},
            'the score must be a number from 0 to 1, found "high"',
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
def test_invalid_objects_are_refused(change, fault):
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
