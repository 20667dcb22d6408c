from typing import Any, Dict, List, Optional

import pytest

from sept_allennlp.data.data_check import ModelLimits, Windows, check_data
from sept_runtime.documents import AnnotatedRelation, AnnotatedSpan, Document


def document(
    key: str,
    sentences: List[List[str]],
    entities: Optional[List[Any]] = None,
    relations: Optional[List[AnnotatedRelation]] = None,
) -> Document:
    spans = None if entities is None else [AnnotatedSpan(*entity) for entity in entities]
    return Document(key, sentences, spans, relations=relations)


def findings(report: Any, kind: str) -> List[str]:
    return [finding.message for finding in report.findings if finding.kind == kind]


def test_counts_of_a_split() -> None:
    documents = [
        document(
            "a",
            [["we", "use", "a", "CRF"], ["it", "works"]],
            [(3, 3, "Method"), (4, 4, "Generic"), (5, 5, "Task")],
            [AnnotatedRelation((3, 3), (4, 4), "USED-FOR")],
        ),
        document("b", [["nothing"]], []),
        document("c", [["nobody", "looked"]]),
    ]
    report = check_data({"train": documents}, ModelLimits())
    train = report.splits["train"]
    assert (train.documents, train.sentences, train.words) == (3, 4, 9)
    assert (train.entities, train.relations) == (3, 1)
    assert train.labels == {"Method": 1, "Generic": 1, "Task": 1}
    assert train.relation_labels == {"USED-FOR": 1}
    assert (train.documents_without_entities, train.documents_without_annotation) == (1, 1)
    assert train.pieces is None and train.highest_recall == 100.0
    assert report.errors == []


def test_costs_of_width_and_flat_in_points_of_recall() -> None:
    words = [[f"w{number}" for number in range(10)]]
    # [0, 4] is too wide for 3 words. Of [5, 7], [5, 6] and [7, 7], flat keeps the last two.
    spans = [(0, 4, "A"), (5, 7, "A"), (5, 6, "A"), (7, 7, "A")]
    splits = {"train": [document("a", words, spans)]}
    train = check_data(splits, ModelLimits(max_span_width=3, flat=True)).splits["train"]
    assert (train.widest_entity, train.too_wide) == (5, 1)
    assert (train.overlapping, train.lost_by_flat) == (3, 1)
    assert (train.recall_lost_by_width, train.recall_lost_by_flat) == (25.0, 25.0)
    assert train.highest_recall == 50.0
    # Without flat, overlapping entities cost nothing.
    report = check_data(splits, ModelLimits(max_span_width=5))
    assert report.splits["train"].highest_recall == 100.0
    assert findings(report, "recall") == []


def test_an_entity_that_is_too_wide_and_overlaps_costs_recall_once() -> None:
    words = [[f"w{number}" for number in range(6)]]
    splits = {"train": [document("a", words, [(0, 5, "A"), (2, 3, "A")])]}
    train = check_data(splits, ModelLimits(max_span_width=3, flat=True)).splits["train"]
    assert (train.recall_lost_by_width, train.recall_lost_by_flat) == (50.0, 50.0)
    assert train.highest_recall == 50.0


def test_a_typo_of_a_label_is_found() -> None:
    many = [(number, number, "Method") for number in range(20)]
    words = [[f"w{number}" for number in range(21)]]
    typo = document("a", words, [*many, (20, 20, "Metod")])
    dev = document("b", [["x"]], [(0, 0, "Method")])
    report = check_data({"train": [typo], "dev": [dev]}, ModelLimits())
    assert findings(report, "label_typo") == [
        "The label 'Metod' (1) looks like a typo of 'Method' (21)."
    ]
    assert findings(report, "label_in_one_split") == ["The label 'Metod' (1) occurs only in train."]


@pytest.mark.parametrize(
    "rare, frequent, typo",
    [
        ("method", "Method", True),
        ("Method ", "Method", True),
        ("OtherScientifcTem", "OtherScientificTerm", True),
        # Short labels differ in one character and are no typos.
        ("DNA", "RNA", False),
        ("Metric", "Method", False),
        ("cell_line", "cell_type", False),
    ],
)
def test_labels_that_look_like_typos(rare: str, frequent: str, typo: bool) -> None:
    words = [[f"w{number}" for number in range(31)]]
    spans = [(number, number, frequent) for number in range(30)]
    report = check_data({"t": [document("a", words, [*spans, (30, 30, rare)])]}, ModelLimits())
    assert bool(findings(report, "label_typo")) == typo


def test_a_label_that_training_lacks_is_an_error() -> None:
    train = document("a", [["x", "y"]], [(0, 0, "Task"), (1, 1, "Rare")])
    dev = document("b", [["y", "z"]], [(0, 0, "Task"), (1, 1, "Unseen")])
    report = check_data({"train": [train], "dev": [dev]}, ModelLimits())
    assert [finding.message for finding in report.errors] == [
        "The label 'Unseen' (1) occurs only in dev."
    ]
    assert "The label 'Rare' (1) occurs only in train." in findings(report, "label_in_one_split")


def test_duplicates_and_shared_documents_are_found() -> None:
    splits = {
        "train": [
            document("a", [["one"]]),
            document("a", [["two"]]),
            document("b", [["Three", "words"]]),
            document("c", [["four"]]),
            document("d", [["four"]]),
        ],
        # The same key with other words, and the same words under another key.
        "dev": [document("b", [["five"]]), document("e", [["three", "Words"]])],
    }
    report = check_data(splits, ModelLimits())
    assert findings(report, "duplicate_key") == ["train: 1 document keys (a) occur more than once."]
    assert findings(report, "duplicate_text") == [
        "train: documents with the same words under different keys: c = d."
    ]
    assert findings(report, "shared_document") == [
        "2 documents (b, b = e) are in both train and dev."
    ]
    assert len(report.errors) == 3


def test_a_file_that_is_listed_twice_is_no_duplicate() -> None:
    read = Document("a", [["one"]], [], origin="train.json, line 1")
    again = Document("a", [["one"]], [], origin="train.json, line 1")
    assert check_data({"train": [read, again]}, ModelLimits()).findings == []


def test_documents_without_keys_are_no_duplicates() -> None:
    splits = {"train": [document("", [["one"]], []), document("", [["two"]], [])]}
    splits["dev"] = [document("", [["three"]], [])]
    assert check_data(splits, ModelLimits()).findings == []


def test_blank_and_odd_words() -> None:
    words = ["", " ", "\u00a0", "a b", "x\u200b", "\ufffd", "\ud800", "naïve", "β-sheet", "🙂"]
    report = check_data({"train": [document("a", [words])]}, ModelLimits())
    train = report.splits["train"]
    assert (train.blank_words, train.odd_words) == (3, 4)
    assert findings(report, "blank_words") == ["train: 3 words are blank."]
    assert "'a b', 'x\\u200b', '\ufffd'" in findings(report, "odd_words")[0]


@pytest.mark.parametrize("length", [8, 9, 20, 33])
def test_borders_of_windows_lie_between_the_nearest_windows(length: int) -> None:
    # By brute force: each piece belongs to the window in which its context is largest.
    content, stride = 8, 6
    last = max(0, length - content)
    starts = [*range(0, last, stride), last]
    chosen = [
        max(
            (min(piece - start, start + content - 1 - piece), start)
            for start in starts
            if start <= piece < start + content
        )[1]
        for piece in range(length)
    ]
    changes = [piece for piece in range(1, length) if chosen[piece] != chosen[piece - 1]]
    assert Windows(content, stride).borders(length) == changes


def test_entities_across_two_windows() -> None:
    # Two pieces a word: 16 pieces. Windows of 8 pieces, 6 apart: [0, 8), [6, 14), [8, 16). The
    # borders are 7 and 11, inside the words 3 and 5.
    words = [f"w{number}" for number in range(8)]
    spans = [(2, 2, "A"), (3, 3, "A"), (4, 4, "A"), (4, 5, "A"), (6, 7, "A")]
    limits = ModelLimits(count_pieces=lambda words: [2] * len(words), windows=Windows(8, 6))
    report = check_data({"train": [document("a", [words], spans)]}, limits)
    train = report.splits["train"]
    assert train.pieces == {"median": 16, "max": 16}
    assert (train.documents_in_windows, train.entities_cut_by_windows) == (1, 2)


def test_a_report_is_json() -> None:
    report = check_data({"train": [document("a", [[""]], [])]}, ModelLimits())
    as_json: Dict[str, Any] = report.to_json()
    assert as_json["splits"]["train"]["blank_words"] == 1
    assert as_json["findings"] == [
        {"severity": "error", "kind": "blank_words", "message": "train: 1 words are blank."}
    ]
