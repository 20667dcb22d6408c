import io

import pytest
from rich.console import Console

from sept_runtime.formats.predictions import FailedInput, prediction_from_json
from sept_runtime.views.terminal import print_document


def printed(prediction):
    """Return the words of each printed line."""
    console = Console(file=io.StringIO(), width=100)
    print_document(prediction, console)
    return [line.split() for line in console.file.getvalue().splitlines() if line.strip()]


def test_each_entity_has_a_row_with_its_place_in_the_text():
    fields = {
        "doc_key": "a",
        "title": "On [red]parsers[/red]",
        "text": "We use\na parser.",
        "sentences": [["We", "use", "a", "parser", "."]],
        "word_offsets": [[0, 2], [3, 6], [7, 8], [9, 15], [15, 16]],
        "entities": [
            {"start_word": 1, "end_word": 3, "label": "Method", "score": 0.875},
            {"start_word": 0, "end_word": 0, "label": "[b]", "score": None},
        ],
    }
    lines = printed(prediction_from_json(fields))
    assert lines[0] == ["On", "[red]parsers[/red]"]
    assert lines[1] == ["entity", "type", "score", "characters"]
    assert lines[-2:] == [["use", "a", "parser", "Method", "0.88", "3–15"], ["We", "[b]", "0–2"]]


def test_each_relation_has_a_row():
    fields = {
        "doc_key": "a",
        "sentences": [["Fast", "parsers", "for", "[b]parsing[/b]"]],
        "entities": [
            {"start_word": 0, "end_word": 1, "label": "Method"},
            {"start_word": 3, "end_word": 3, "label": "Task"},
        ],
        "relations": [
            {"head": 0, "tail": 1, "label": "USED-FOR", "score": 0.876},
            {"head": 1, "tail": 0, "label": "[i]"},
        ],
    }
    lines = printed(prediction_from_json(fields))
    assert ["head", "relation", "tail", "score"] in lines
    assert lines[-2:] == [
        ["Fast", "parsers", "USED-FOR", "[b]parsing[/b]", "0.88"],
        ["[b]parsing[/b]", "[i]", "Fast", "parsers"],
    ]


def test_without_relations_there_is_no_table_of_them():
    fields = {"doc_key": "c", "sentences": [["We"]], "predicted_ner": [[]]}
    for more in ({}, {"predicted_relations": [[]]}, {"predicted_ner": None}):
        words = [
            word for line in printed(prediction_from_json({**fields, **more})) for word in line
        ]
        assert "entity" in words and "relation" not in words


def test_without_a_text_the_words_are_joined():
    fields = {"doc_key": "c", "sentences": [["We", "win"]], "predicted_ner": [[[1, 1, "Task"]]]}
    lines = printed(prediction_from_json(fields))
    assert lines[0] == ["c"]
    assert lines[-1] == ["win", "Task", "3–6"]


def test_a_failed_input_is_its_reason():
    assert printed(FailedInput("not [valid] JSON", 2)) == ["input line 2: not [valid] JSON".split()]


def test_unpaired_surrogates_and_control_characters_are_replaced():
    fields = {
        "doc_key": "e\ud800",
        "sentences": [["We", "w\udc00\x1b[31mn\x07"]],
        "predicted_ner": [[[1, 1, "T\ud800"]]],
    }
    output = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    print_document(prediction_from_json(fields), Console(file=output, width=100))
    output.flush()
    lines = output.buffer.getvalue().decode().split()
    assert (lines[0], lines[-3:]) == ("e\ufffd", ["w\ufffd\ufffd[31mn\ufffd", "T\ufffd", "3–12"])


def test_without_predictions_the_gold_annotation_is_shown():
    fields = {
        "doc_key": "g",
        "sentences": [["We", "use", "LSTM", "for", "tagging", "."]],
        "ner": [[[2, 2, "Method"], [4, 4, "Task"]]],
        "relations": [[[2, 2, 4, 4, "USED-FOR"]]],
    }
    lines = printed(prediction_from_json(fields))
    assert lines[0] == ["g", "(gold", "annotation)"]
    assert lines[3:5] == [["LSTM", "Method", "7–11"], ["tagging", "Task", "16–23"]]
    assert lines[-1] == ["LSTM", "USED-FOR", "tagging"]
    # Predictions come first, even where nothing was found.
    lines = printed(prediction_from_json({**fields, "entities": []}))
    assert [line for line in lines if "LSTM" in line] == []


LONG_LABEL = "Developing_anatomical_structure_of_the_embryo_in_its_third_week"


def wide_document(**entity):
    word = "x" * 999_990
    return prediction_from_json(
        {
            "doc_key": "10.1000/" + "k" * 90,
            "sentences": [[word, "neural", "crest", *["cells"] * 30, "formed", "."]],
            "entities": [
                {"start_word": 1, "end_word": 32, "label": LONG_LABEL, "score": 0.983, **entity},
                {"start_word": 33, "end_word": 33, "label": "Cell", "score": 1},
            ],
            "relations": [
                {"head": 0, "tail": 1, "label": "Positively_regulates_the_development_of_and" * 2},
            ],
        }
    )


@pytest.mark.parametrize("width", [1, 20, 80, 300])
@pytest.mark.parametrize("is_terminal", [True, False])
def test_no_label_and_no_number_is_cut(width, is_terminal):
    console = Console(
        file=io.StringIO(), width=width, force_terminal=is_terminal, color_system=None
    )
    print_document(wide_document(), console)
    words = console.file.getvalue().split()
    places = {"999991–1000183", "1000184–1000190"}
    labels = {LONG_LABEL, "Cell", "Positively_regulates_the_development_of_and" * 2}
    expected = labels | places | {"0.98", "1.00", "score", "characters", "10.1000/" + "k" * 90}
    assert expected <= set(words)


def test_lines_are_not_wrapped_without_a_terminal():
    console = Console(file=io.StringIO(), width=20, force_terminal=False)
    print_document(wide_document(), console)
    entity = " ".join(["neural", "crest", *["cells"] * 30])
    (line,) = [line for line in console.file.getvalue().splitlines() if LONG_LABEL in line]
    assert entity in line and line.split()[-2:] == ["0.98", "999991–1000183"]


def test_long_entities_are_wrapped_on_a_terminal():
    console = Console(file=io.StringIO(), width=150, force_terminal=True, color_system=None)
    print_document(wide_document(), console)
    output = console.file.getvalue()
    assert max(map(len, output.splitlines())) <= 150
    assert output.split().count("cells") == 30 + 30
