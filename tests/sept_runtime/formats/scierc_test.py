import json
from typing import Any, Dict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sept_runtime.documents import AnnotatedRelation, AnnotatedSpan, DocumentError
from sept_runtime.formats.json_lines import dump_line
from sept_runtime.formats.scierc import document_from_scierc, document_to_scierc, read_scierc
from tests.sept_runtime.formats.drawn import documents


def scierc_object(**changes: Any) -> Dict[str, Any]:
    """
    Return a valid object of a SciERC file, with sentences of four and three words and changes.
    """
    return {
        "doc_key": "A-1",
        "sentences": [["We", "train", "a", "CRF"], ["It", "works", "."]],
        "ner": [[[3, 3, "Method"], [2, 3, "Generic"]], [[4, 4, "Generic"]]],
        "relations": [[], []],
        "clusters": [],
        **changes,
    }


def test_a_good_document_is_read_as_it_is():
    document = document_from_scierc(scierc_object(), origin="here")
    assert document.key == "A-1"
    assert document.sentences == [["We", "train", "a", "CRF"], ["It", "works", "."]]
    assert document.words == ["We", "train", "a", "CRF", "It", "works", "."]
    assert document.sentence_ids == [0, 0, 0, 0, 1, 1, 1]
    assert document.entities == [
        AnnotatedSpan(3, 3, "Method"),
        AnnotatedSpan(2, 3, "Generic"),
        AnnotatedSpan(4, 4, "Generic"),
    ]
    assert document.describe() == "here: document 'A-1'"


def test_sentences_without_words_have_no_words_and_no_ids():
    document = document_from_scierc(
        {"doc_key": "A-1", "sentences": [[], ["a"], [], ["b"]], "ner": [[], [], [], [[1, 1, "X"]]]}
    )
    assert document.words == ["a", "b"]
    assert document.sentence_ids == [1, 3]
    assert document.entities == [(1, 1, "X")]


@pytest.mark.parametrize("missing", ["absent", "null"])
def test_a_document_without_annotation_has_no_list_of_entities(missing):
    fields = scierc_object(ner=None)
    if missing == "absent":
        del fields["ner"]
    assert document_from_scierc(fields).entities is None


def test_an_annotation_that_found_nothing_is_an_empty_list():
    assert document_from_scierc(scierc_object(ner=[[], []])).entities == []


RELATED = [[[3, 3, 2, 3, "HYPONYM-OF"]], []]


def test_relations_are_between_the_places_of_entities_in_the_order_given():
    ner = [[[0, 0, "Generic"], [1, 1, "Task"], [3, 3, "Method"]], [[4, 4, "Generic"]]]
    relations = [[[3, 3, 1, 1, "USED-FOR"], [0, 0, 3, 3, "COMPARE"], [3, 3, 0, 0, "COMPARE"]], []]
    assert document_from_scierc(scierc_object(ner=ner, relations=relations)).relations == [
        AnnotatedRelation((3, 3), (1, 1), "USED-FOR"),
        AnnotatedRelation((0, 0), (3, 3), "COMPARE"),
        AnnotatedRelation((3, 3), (0, 0), "COMPARE"),
    ]


@pytest.mark.parametrize("missing", ["absent", "null"])
def test_a_document_without_annotated_relations_has_no_list_of_relations(missing):
    fields = scierc_object(relations=None)
    if missing == "absent":
        del fields["relations"]
    assert document_from_scierc(fields).relations is None
    assert document_from_scierc(scierc_object(relations=[[], []])).relations == []


def test_a_relation_given_twice_is_one_and_a_pair_may_have_two_labels():
    pair = [3, 3, 2, 3]
    relations = [[[*pair, "PART-OF"], [*pair, "USED-FOR"], [*pair, "PART-OF"]], []]
    read = document_from_scierc(scierc_object(relations=relations)).relations
    assert [relation.label for relation in read] == ["PART-OF", "USED-FOR"]


def test_predictions_hold_gold_relations_under_another_name():
    predicted = {"relations": [{"head": 0, "tail": 1, "label": "PART-OF"}]}
    fields = scierc_object(**predicted, predicted_relations=[[[3, 3, 2, 3, "PART-OF"]], []])
    assert document_from_scierc(fields).relations is None
    assert document_from_scierc({**fields, "gold_relations": RELATED}).relations == [
        AnnotatedRelation((3, 3), (2, 3), "HYPONYM-OF")
    ]
    nothing = scierc_object(relations=[], predicted_relations=[[], []])
    assert document_from_scierc(nothing).relations is None
    # Other tools leave the gold relations where they were.
    fields = scierc_object(relations=RELATED, predicted_relations=[[], []])
    assert len(document_from_scierc(fields).relations) == 1


def test_an_entity_given_twice_is_one_entity():
    ner = [[[3, 3, "Method"], [0, 0, "Generic"], [3, 3, "Method"]], []]
    entities = document_from_scierc(scierc_object(ner=ner)).entities
    assert entities == [(3, 3, "Method"), (0, 0, "Generic")]


def test_a_file_is_read_in_order_and_blank_lines_are_skipped(write_jsonl):
    path = write_jsonl(scierc_object(), "", scierc_object(doc_key="A-2"), "  ")
    documents = list(read_scierc(path))
    assert [document.key for document in documents] == ["A-1", "A-2"]
    assert [document.origin for document in documents] == [f"{path}, line 1", f"{path}, line 3"]


def test_messages_use_the_name_that_the_caller_has_for_the_file(write_jsonl):
    path = write_jsonl("{")
    with pytest.raises(DocumentError, match="^https://example.org/train.json, line 1: "):
        list(read_scierc(path, name="https://example.org/train.json"))


@given(st.lists(documents(has_text=False), min_size=1, max_size=3))
def test_written_predictions_are_read_back(tmp_path_factory, written):
    path = tmp_path_factory.mktemp("scierc") / "documents.jsonl"
    lines = "".join(dump_line(document_to_scierc(document)) for document in written)
    path.write_text(lines, encoding="utf-8", newline="")
    assert list(read_scierc(str(path))) == written


# Per case: what is changed in a good object, and what the message must say.
BAD_DOCUMENTS = {
    "sentences missing": ({"sentences": None}, "'sentences' must be a list"),
    "sentences not a list": ({"sentences": "We train"}, "'sentences' must be a list"),
    "sentence not a list": (
        {"sentences": [["We", "train", "a", "CRF"], "It works ."]},
        "sentence 1: expected a list of words, found a string",
    ),
    "word not a string": (
        {"sentences": [["We", "train", "a", 7], ["It", "works", "."]]},
        "sentence 0, word 3: expected a string, found a number",
    ),
    "word null": (
        {"sentences": [["We", "train", "a", "CRF"], ["It", None, "."]]},
        "sentence 1, word 1: expected a string, found nothing",
    ),
    "ner not a list": ({"ner": {"0": []}}, "'ner' must be a list, found an object"),
    "ner shorter than sentences": ({"ner": [[]]}, "'ner' has 1 lists for 2 sentences"),
    "ner longer than sentences": ({"ner": [[], [], []]}, "'ner' has 3 lists for 2 sentences"),
    "ner of a sentence not a list": (
        {"ner": [[], "none"]},
        "sentence 1: 'ner' must hold a list of [start, end, label], found a string",
    ),
    "span too short": ({"ner": [[[3, 3]], []]}, "entity [3, 3] is not [start, end, label]"),
    "span too long": ({"ner": [[[3, 3, "Method", 1]], []]}, "is not [start, end, label]"),
    "span not a list": ({"ner": [["Method"], []]}, 'entity "Method" is not [start, end, label]'),
    "index a string": ({"ner": [[["3", 3, "Method"]], []]}, "is not [start, end, label]"),
    "index a fraction": ({"ner": [[[3.0, 3, "Method"]], []]}, "is not [start, end, label]"),
    "index a bool": ({"ner": [[[True, 2, "Method"]], []]}, "is not [start, end, label]"),
    "label not a string": ({"ner": [[[3, 3, 1]], []]}, "is not [start, end, label]"),
    "label empty": ({"ner": [[[3, 3, ""]], []]}, "is not [start, end, label]"),
    "span reversed": ({"ner": [[[3, 2, "Method"]], []]}, 'entity [3, 2, "Method"] is reversed'),
    "span before the document": ({"ner": [[[-1, 0, "Method"]], []]}, "holds words 0 to 3"),
    "span after the document": ({"ner": [[], [[6, 7, "Method"]]]}, "holds words 4 to 6"),
    "span across sentences": (
        {"ner": [[[3, 4, "Method"]], []]},
        'entity [3, 4, "Method"] reaches outside its sentence, which holds words 0 to 3',
    ),
    "span of another sentence": ({"ner": [[[4, 4, "Method"]], []]}, "outside its sentence"),
    "span with two labels": (
        {"ner": [[[3, 3, "Method"], [3, 3, "Task"]], []]},
        "entity [3, 3, \"Task\"] was already labeled 'Method'",
    ),
    "relations not a list": ({"relations": "none"}, "'relations' must be a list, found a string"),
    "relations shorter than sentences": (
        {"relations": [[]]},
        "'relations' has 1 lists for 2 sentences",
    ),
    "relations empty": ({"relations": []}, "'relations' has 0 lists for 2 sentences"),
    "relations of a sentence not a list": (
        {"relations": [[], 3]},
        "sentence 1: 'relations' must hold a list of [start, end, start, end, label], found a num",
    ),
    "relation too short": (
        {"relations": [[[3, 3, 2, 3]], []]},
        "sentence 0: relation [3, 3, 2, 3] is not [start, end, start, end, label]",
    ),
    "relation with a score": ({"relations": [[[3, 3, 2, 3, "X", 0.5]], []]}, "is not [start, end"),
    "relation of entity numbers": ({"relations": [[[0, 1, "X"]], []]}, "is not [start, end, start"),
    "relation without a label": ({"relations": [[[3, 3, 2, 3, ""]], []]}, "is not [start, end"),
    "relation with a bool": ({"relations": [[[3, 3, True, 3, "X"]], []]}, "is not [start, end"),
    "relation reversed": ({"relations": [[[3, 3, 3, 2, "X"]], []]}, "is reversed"),
    "relation across sentences": (
        {"relations": [[[3, 3, 4, 4, "X"]], []]},
        'relation [3, 3, 4, 4, "X"] reaches outside its sentence, which holds words 0 to 3',
    ),
    "relation in another sentence": ({"relations": [[], RELATED[0]]}, "holds words 4 to 6"),
    "relation to what is no entity": (
        {"relations": [[[3, 3, 1, 1, "X"]], []]},
        "relation [3, 3, 1, 1, \"X\"]: there is no entity [1, 1] in 'ner'",
    ),
    "relation of an entity to itself": (
        {"relations": [[[3, 3, 3, 3, "X"]], []]},
        'relation [3, 3, 3, 3, "X"] relates an entity to itself',
    ),
    "relation without entities": (
        {"ner": None, "relations": RELATED},
        "there is no entity [3, 3] in 'ner'",
    ),
    "gold relations wrong": (
        {"gold_relations": [[]]},
        "'gold_relations' has 1 lists for 2",
    ),
}


@pytest.mark.parametrize("changes, fault", BAD_DOCUMENTS.values(), ids=BAD_DOCUMENTS)
def test_a_bad_document_is_refused_with_file_line_key_and_fault(changes, fault, write_jsonl):
    path = write_jsonl(scierc_object(), "", scierc_object(doc_key="A-2", **changes))
    with pytest.raises(DocumentError) as caught:
        list(read_scierc(path))
    message = str(caught.value)
    assert message.startswith(f"{path}, line 3: document 'A-2'")
    assert fault in message


BAD_LINES = {
    "not JSON": ('{"doc_key": ', "not valid JSON"),
    "two objects": ("{} {}", "not valid JSON"),
    "nested too deep": ("[" * 100_000, "not valid JSON"),
    "number too long": ("1" * 10_000, "not valid JSON"),
    "a list": ("[]", "expected a JSON object with 'doc_key' and 'sentences', found a list"),
    "null": ("null", "expected a JSON object with 'doc_key' and 'sentences', found nothing"),
    "a bool": ("true", "found true or false"),
    "doc_key a list": (
        '{"doc_key": [1], "sentences": []}',
        "'doc_key' must be a string or number, found a list",
    ),
    "id true": ('{"id": true, "sentences": []}', "'id' must be a string or number, found true"),
}


@pytest.mark.parametrize("line, fault", BAD_LINES.values(), ids=BAD_LINES)
def test_a_bad_line_is_refused_with_file_line_and_fault(line, fault, write_jsonl):
    path = write_jsonl(scierc_object(), line)
    with pytest.raises(DocumentError) as caught:
        list(read_scierc(path))
    assert str(caught.value).startswith(f"{path}, line 2: ")
    assert fault in str(caught.value)


def test_good_documents_before_a_bad_one_are_given(write_jsonl):
    documents = read_scierc(write_jsonl(scierc_object(), "{"))
    assert next(documents).key == "A-1"
    with pytest.raises(DocumentError, match="line 2"):
        next(documents)


def test_text_that_is_not_utf8_is_refused(tmp_path):
    path = tmp_path / "latin1.jsonl"
    good = json.dumps(scierc_object()).encode("utf-8")
    path.write_bytes(good + b"\n" + good.replace(b"CRF", "Café".encode("latin-1")))
    with pytest.raises(DocumentError) as caught:
        list(read_scierc(str(path)))
    assert str(caught.value).startswith(f"{path}, line 2: not UTF-8 text")


@pytest.mark.parametrize("content", ["", "\n  \n"])
def test_a_file_without_documents_is_refused(content, tmp_path):
    path = tmp_path / "empty.jsonl"
    path.write_text(content)
    with pytest.raises(DocumentError) as caught:
        list(read_scierc(str(path)))
    assert str(caught.value) == f"{path}: the file holds no document"


def test_a_missing_file_is_refused(tmp_path):
    path = tmp_path / "missing.jsonl"
    with pytest.raises(DocumentError) as caught:
        list(read_scierc(str(path)))
    assert str(caught.value) == f"{path}: there is no such file"
