import json
from typing import Any, Dict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sept_runtime.documents import (
    Document,
    DocumentError,
    SoftAnnotation,
    SoftRelation,
    SoftRelations,
    SoftSpan,
)
from sept_runtime.formats.json_lines import dump_line
from sept_runtime.formats.scierc import document_from_scierc, document_to_scierc
from tests.sept_runtime.formats.drawn import LABELS, bounds, documents, pairs

SENTENCES = [["We", "train", "a", "CRF"], ["It", "works", "."]]


def annotated(**changes: Any) -> Dict[str, Any]:
    """Return a valid object, with sentences of four and three words and changes."""
    return {
        "doc_key": "A-1",
        "sentences": SENTENCES,
        "soft_ner": [[[2, 3, {"Method": 0.5}], [3, 3, {"Method": 0.25, "Task": 0.0312}]], []],
        "soft_ner_labels": ["Task", "Method", "Metric"],
        **changes,
    }


def test_soft_labels_are_read_without_gold() -> None:
    document = document_from_scierc(annotated())
    assert document.entities is None
    assert document.soft == SoftAnnotation(
        ("Task", "Method", "Metric"),
        [SoftSpan(2, 3, {"Method": 0.5}), SoftSpan(3, 3, {"Method": 0.25, "Task": 0.0312})],
    )


def test_probabilities_of_relations_are_read() -> None:
    fields = annotated(
        soft_relations=[[[3, 3, 0, 1, {}], [0, 1, 3, 3, {"USED-FOR": 0.25}]], []],
        soft_relation_labels=["USED-FOR", "COMPARE"],
    )
    soft = document_from_scierc(fields).soft
    assert soft is not None
    assert soft.relations == SoftRelations(
        ("USED-FOR", "COMPARE"),
        [SoftRelation((3, 3), (0, 1), {}), SoftRelation((0, 1), (3, 3), {"USED-FOR": 0.25})],
    )


def test_a_document_may_have_gold_and_soft_labels() -> None:
    document = document_from_scierc(annotated(ner=[[], [[4, 4, "Task"]]]))
    assert document.entities == [(4, 4, "Task")]
    assert document.soft is not None


def test_a_document_without_soft_spans_still_has_soft_labels() -> None:
    document = document_from_scierc(annotated(soft_ner=[[], []]))
    assert document.soft == SoftAnnotation(("Task", "Method", "Metric"), [])
    assert document_from_scierc(annotated(soft_ner=None)).soft is None


@st.composite
def documents_with_soft_labels(draw: Any) -> Document:
    document = draw(documents(has_text=False))
    labels = draw(st.lists(LABELS, unique=True, max_size=4))
    ids = document.sentence_ids
    spans = [
        SoftSpan(start, end, {label: draw(st.integers(0, 10**4 // 4)) / 10**4 for label in labels})
        for start, end in sorted(draw(bounds(document)), key=lambda span: ids[span[0]])
    ]
    relations = None
    if draw(st.booleans()):
        places = [(start, end) for start, end, _ in spans]
        rows = [
            SoftRelation(places[head], places[tail], {"R": draw(st.integers(0, 10**4)) / 10**4})
            for head, tail in draw(pairs(document, places))
        ]
        rows.sort(key=lambda pair: ids[pair.head[0]])
        relations = SoftRelations(("R", "S"), rows)
    document.soft = SoftAnnotation(tuple(labels), spans, relations)
    return document


@given(documents_with_soft_labels())
def test_written_predictions_are_read_back(document: Document) -> None:
    line = dump_line(document_to_scierc(document))
    assert document_from_scierc(json.loads(line)) == document


def one(candidate: Any) -> Dict[str, Any]:
    return {"soft_ner": [[candidate], []]}


def related(*pairs: Any, **changes: Any) -> Dict[str, Any]:
    return {"soft_relations": [[*pairs], []], "soft_relation_labels": ["R"], **changes}


BAD: Dict[str, Any] = {
    "not a list": ({"soft_ner": "none"}, "'soft_ner' must be a list, found a string"),
    "too short": ({"soft_ner": [[]]}, "'soft_ner' has 1 lists for 2 sentences"),
    "of a sentence no list": (
        {"soft_ner": [[], {}]},
        "sentence 1: 'soft_ner' must hold a list of [start, end, {label: probability}]",
    ),
    "labels missing": ({"soft_ner_labels": None}, "'soft_ner' needs 'soft_ner_labels', a list of"),
    "labels twice": ({"soft_ner_labels": ["Task", "Task"]}, 'each once; found ["Task", "Task"]'),
    "a label no string": ({"soft_ner_labels": [1]}, "found [1]"),
    "as gold": (one([3, 3, "Method"]), "is not [start, end, {label: probability}]"),
    "index a string": (one(["3", 3, {}]), "is not [start, end, {label: probability}]"),
    "index negative": (one([-1, 0, {}]), "is not [start, end, {label: probability}]"),
    "reversed": (one([3, 2, {}]), "candidate [3, 2, {}] is reversed"),
    "of another sentence": (one([4, 4, {}]), "holds words 0 to 3"),
    "twice": ({"soft_ner": [[[1, 1, {}], [1, 1, {}]], []]}, "candidate [1, 1, {}] is listed twice"),
    "unknown label": (one([3, 3, {"X": 0.5}]), "not in 'soft_ner_labels': 'X'"),
    "no number": (one([3, 3, {"Task": "0.5"}]), 'found "0.5"'),
    "a bool": (one([3, 3, {"Task": True}]), "found true"),
    "negative": (one([3, 3, {"Task": -0.1}]), "found -0.1"),
    "more than one": (one([3, 3, {"Task": 1.1}]), "found 1.1"),
    "too much": (one([3, 3, {"Task": 0.6, "Method": 0.5}]), "add up to more than 1"),
    "pair labels missing": (
        related(soft_relation_labels=None),
        "'soft_relations' needs 'soft_relation_labels', a list of",
    ),
    "pairs short": (
        related(soft_relations=[[]]),
        "'soft_relations' has 1 lists for 2 sentences",
    ),
    "pair as gold": (
        related([0, 1, 3, 3, "R"]),
        'pair [0, 1, 3, 3, "R"] is not [start, end, start, end, {label: probability}]',
    ),
    "pair too short": (related([0, 1, 3, {}]), "is not [start, end, start, end,"),
    "pair across sentences": (related([0, 1, 4, 4, {}]), "holds words 0 to 3"),
    "pair with itself": (related([0, 1, 0, 1, {}]), "relates an entity to itself"),
    "pair twice": (
        related([0, 1, 3, 3, {}], [0, 1, 3, 3, {"R": 0.5}]),
        'pair [0, 1, 3, 3, {"R": 0.5}] is listed twice',
    ),
    "pair's label unknown": (
        related([0, 1, 3, 3, {"X": 0.5}]),
        "not in 'soft_relation_labels': 'X'",
    ),
    "pair's probability": (related([0, 1, 3, 3, {"R": 2}]), "found 2"),
}


@pytest.mark.parametrize("changes, fault", BAD.values(), ids=BAD)
def test_a_bad_annotation_is_refused_in_one_line(changes: Dict[str, Any], fault: str) -> None:
    with pytest.raises(DocumentError) as caught:
        document_from_scierc(annotated(**changes), origin="a.jsonl, line 3")
    message = str(caught.value)
    assert message.startswith("a.jsonl, line 3: document 'A-1'")
    assert fault in message
    assert "\n" not in message


def test_rounded_probabilities_may_add_up_to_a_little_more_than_one() -> None:
    fields = annotated(**one([3, 3, {"Task": 0.6001, "Method": 0.4001}]))
    assert document_from_scierc(fields).soft is not None


@pytest.mark.parametrize(
    "line, expected",
    [
        (
            {"error": "not UTF-8", "line": 7},
            "could not be annotated \\(not UTF-8\\); remove the line",
        ),
        ({"id": "a", "text": "We train."}, "the text is not annotated and not split into"),
        ({"id": "a", "tokens": ["We"]}, "document 'a': the text is not annotated"),
        ({"text": "We train.", "label": [[3, 8, "X"]]}, "an export of doccano, whose annotation"),
        ({"text": "We", "entities": [{"id": 1, "label": "X"}]}, "an export of doccano"),
        (
            {"text": "We", "spans": [{"start": 0}], "tokens": [{"id": 0}]},
            "an export of prodigy, .* --from prodigy",
        ),
        (
            {"id": 1, "data": {"text": "We"}, "annotations": [{}]},
            "an export of label-studio, .* --from label-studio",
        ),
    ],
)
def test_objects_that_are_not_documents_are_refused_with_advice(line: Any, expected: str) -> None:
    with pytest.raises(DocumentError, match=f"^a.jsonl, line 3: .*{expected}"):
        document_from_scierc(line, origin="a.jsonl, line 3")
