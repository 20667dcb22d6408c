import re
from html.parser import HTMLParser
from itertools import accumulate, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from sept_runtime.formats.predictions import FailedInput, prediction_from_json
from sept_runtime.views.html.colors import TYPE_COLORS
from sept_runtime.views.html.page import MOST_UNFOLDED, render_page


class Page(HTMLParser):
    """The elements of a page, each as tag, attributes and all the text inside it."""

    VOID = {"meta"}

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements = []
        self._open = []
        self.feed(page)
        self.close()
        assert not self._open, "every element is closed"

    def handle_starttag(self, tag, attributes):
        element = {"tag": tag, "text": "", **dict(attributes)}
        self.elements.append(element)
        if tag not in self.VOID:
            self._open.append(element)

    def handle_endtag(self, tag):
        assert self._open.pop()["tag"] == tag

    def handle_data(self, data):
        for element in self._open:
            element["text"] += data

    def of(self, tag=None, css=None):
        return [
            element
            for element in self.elements
            if tag in (None, element["tag"]) and css in (None, *element.get("class", "").split())
        ]


def document(words, predicted=None, gold=None, key="doc", title=None, **fields):
    """Return a document; "|" separates sentences, and entities are (start, end, label[, score])."""
    sentences = [sentence.split() for sentence in words.split("|")]
    fields = {"doc_key": key, "sentences": sentences, "title": title, **fields}
    if gold is not None:
        starts = [0, *accumulate(map(len, sentences))]
        fields["ner"] = [
            [list(entity) for entity in gold if start <= entity[0] < end]
            for start, end in pairwise(starts)
        ]
    if predicted is not None:
        names = ("start_word", "end_word", "label", "score")
        fields["entities"] = [dict(zip(names, entity)) for entity in predicted]
    return prediction_from_json(fields)


def entities_on(page):
    """Label as shown, row, and tooltip of each entity, in the order of the page."""
    elements = Page(page).elements
    return [
        (elements[index + 2]["text"], element["style"].removeprefix("--row:"), element["title"])
        for index, element in enumerate(elements)
        if "entity" in element.get("class", "") and elements[index + 1]["class"] == "slot"
    ]


def relations_on(page):
    """For each row of the relations' tables, of each cell the text and the entity's type."""
    elements = Page(page).elements
    start = next(i for i, e in enumerate(elements) if e.get("class") == "relations")
    rows = []
    for element in elements[start:]:
        if element["tag"] == "tr":
            rows.append([])
        elif element["tag"] in ("td", "th"):
            rows[-1].append((element["text"], ""))
        elif element.get("class") == "chip":
            rows[-1][-1] = (element["text"], element["title"])
    return rows


def table(page):
    rows = re.findall(r"<tr>.*?</tr>", page, re.DOTALL)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]
    return [[re.sub(r"<[^>]*>", "", cell) for cell in row] for row in cells]


def test_scores_are_in_tooltips_and_nested_entities_in_separate_rows():
    page = render_page(
        [
            document(
                "a named entity recognition model",
                [(1, 4, "Method", 0.5), (1, 3, "Task", 0.91234), (4, 4, "Generic")],
            )
        ]
    )
    assert entities_on(page) == [
        ("Method", "2", "Method · score 0.500"),
        ("Task", "1", "Task · score 0.912"),
        ("Generic", "1", "Generic"),
    ]
    assert "3 entities" in page
    assert "score appears" in page
    assert "score appears" not in render_page([document("a", [(0, 0, "Task")])])


def test_gold_against_predicted():
    page = render_page(
        [
            document(
                "we train a fast parser | on new data",
                [(3, 4, "Method", 0.9), (4, 4, "Generic", 0.8), (6, 7, "Task", 0.7)],
                gold=[(3, 4, "Method"), (6, 7, "Material"), (1, 1, "Generic")],
            )
        ]
    )
    assert [(label, tooltip) for label, _, tooltip in entities_on(page)] == [
        ("missed: Generic", "Generic · missed: only in the gold annotation"),
        ("✓ Method", "Method · score 0.900 · as in the gold annotation"),
        ("✗ Generic", "Generic · score 0.800 · wrong: not in the gold annotation"),
        ("missed: Material", "Material · missed: only in the gold annotation"),
        ("✗ Task", "Task · score 0.700 · wrong: in the gold annotation it is Material"),
    ]
    assert "1 found · 2 missed · 2 wrong" in page
    assert table(page) == [
        ["type", "found", "missed", "wrong", "precision", "recall", "F1"],
        ["Task", "0", "0", "1", "0.000", "0.000", "0.000"],
        ["Method", "1", "0", "0", "1.000", "1.000", "1.000"],
        ["Material", "0", "1", "0", "0.000", "0.000", "0.000"],
        ["Generic", "0", "1", "1", "0.000", "0.000", "0.000"],
        ["All", "1", "2", "2", "0.333", "0.333", "0.333"],
    ]


def test_relations_stand_below_the_text_and_are_compared():
    entities = [(0, 1, "Method"), (3, 3, "Task"), (5, 5, "Metric")]
    page = render_page(
        [
            document(
                "graph parsers for parsing by F1",
                entities,
                gold=entities,
                gold_relations=[[[0, 1, 3, 3, "USED-FOR"], [5, 5, 3, 3, "EVALUATE-FOR"]]],
                relations=[
                    {"head": 0, "tail": 1, "label": "USED-FOR", "score": 0.876},
                    {"head": 2, "tail": 0, "label": "CONJUNCTION"},
                ],
            )
        ]
    )
    assert relations_on(page) == [
        [("head", ""), ("relation", ""), ("tail", "")],
        [("graph parsers", "Method"), ("✓ USED-FOR → 0.88", ""), ("parsing", "Task")],
        [("F1", "Metric"), ("✗ CONJUNCTION ↔", ""), ("graph parsers", "Method")],
        [("F1", "Metric"), ("missed: EVALUATE-FOR →", ""), ("parsing", "Task")],
    ]
    assert Page(page).of("caption")[0]["text"] == "Relations: 1 found · 1 missed · 1 wrong"
    assert table(page)[5:9] == [
        ["relation", "found", "missed", "wrong", "precision", "recall", "F1"],
        ["CONJUNCTION", "0", "0", "1", "0.000", "0.000", "0.000"],
        ["EVALUATE-FOR", "0", "1", "0", "0.000", "0.000", "0.000"],
        ["USED-FOR", "1", "0", "0", "1.000", "1.000", "1.000"],
    ]
    assert "of a relation its type" in page
    assert "of a relation its type" not in render_page([document("a", [], gold=[])])


def test_the_relations_of_a_corpus_and_of_a_text_from_right_to_left():
    gold = [(0, 0, "Task"), (1, 1, "Method")]
    page = render_page([document("שלום BERT", gold=gold, relations=[[[1, 1, 0, 0, "USED-FOR"]]])])
    assert relations_on(page)[1] == [("BERT", "Method"), ("USED-FOR ←", ""), ("שלום", "Task")]
    assert Page(page).of("caption")[0]["text"] == "Relations: 1"
    assert ["relation", "relations"] in table(page)
    assert not Page(render_page([document("a", gold=[], relations=[[]])])).of("caption")


def test_documents_without_gold_do_not_change_the_scores():
    page = render_page(
        [
            document("a b", [(0, 0, "Task")], gold=[(0, 0, "Task")]),
            document("a b", [(1, 1, "Metric")]),
        ]
    )
    assert table(page) == [
        ["type", "found", "missed", "wrong", "not compared", "precision", "recall", "F1"],
        ["Task", "1", "0", "0", "0", "1.000", "1.000", "1.000"],
        ["Metric", "0", "0", "0", "1", "–", "–", "–"],
        ["All", "1", "0", "0", "1", "1.000", "1.000", "1.000"],
    ]


def test_a_corpus_without_predictions_shows_its_annotation():
    page = render_page([document("a b", gold=[(0, 1, "Task")])])
    assert entities_on(page) == [("Task", "1", "Task")]
    assert table(page) == [["type", "entities"], ["Task", "1"], ["All", "1"]]


def test_headings_failed_inputs_and_empty_documents():
    page = render_page(
        [
            document("a", [], key="K1", title="On a"),
            FailedInput("the text is empty", 17),
            document("", [], key=""),
        ],
        title="My page",
    )
    parsed = Page(page)
    assert [e["text"] for e in parsed.of("h1")] == ["My page"]
    assert [e["text"] for e in parsed.of("h2")] == ["On a K1", "Document 3"]
    assert [e["text"] for e in parsed.of("p", "failed")] == [
        "Not predicted: input line 17: the text is empty"
    ]
    assert "2 documents, 1 input failed" in page
    assert table(page)[1:] == [["All", "0"]]


def test_a_page_without_documents():
    assert "0 documents" in render_page([])


def test_direction_is_that_of_the_first_letter():
    pages = [document("12 שלום BERT"), document("( BERT שלום"), document("12 .")]
    directions = [e["dir"] for e in Page(render_page(pages)).of("div", "text")]
    assert directions == ["rtl", "ltr", "ltr"]


def test_brackets_are_shown_as_an_author_types_them():
    assert Page(render_page([document("-LRB- x -RRB-")])).of("div", "text")[0]["text"] == "( x )"


def test_many_documents_are_folded():
    few = render_page([document("a")] * MOST_UNFOLDED)
    many = render_page([document("a")] * (MOST_UNFOLDED + 1))
    assert all("open" in e for e in Page(few).of("details"))
    assert not any("open" in e for e in Page(many).of("details"))


def test_the_page_needs_nothing_from_outside_and_runs_nothing():
    page = render_page([document("a b", [(0, 1, "Task")])])
    assert "default-src 'none'" in page
    assert not re.search(r"https?:|url\(|@import|<script|<link|<img", page)
    # The style sheet is in it, with the type's color.
    assert "@media print {" in page
    assert f".type0 {{ --bar: {TYPE_COLORS['Task']}; }}" in page


HOSTILE = "<script>alert(1)</script>"
ALLOWED_TAGS = set(
    "html head meta title style body h1 bdi div p table thead tbody tr th td span details summary "
    "h2 small caption".split()
)
ALLOWED_ATTRIBUTES = set(
    "tag text lang charset http-equiv content name class scope id open dir style title"
    " data-words data-label data-score data-head data-tail".split()
)
pieces = st.text(alphabet="<>&\"'{}/=%#`a \u202e\u05d0\0", min_size=1, max_size=8)
nasty = st.one_of(
    st.sampled_from([HOSTILE, f'"{HOSTILE}', f"'{HOSTILE}", "{{ 1 }}", "&lt;", "</details>"]),
    pieces,
).filter(str.strip)


@settings(max_examples=60, deadline=None)
@given(nasty, nasty, nasty, nasty, nasty, nasty)
def test_content_of_files_stays_text(key, title, word, label, gold_label, reason):
    fields = {
        "doc_key": key,
        "title": title,
        "sentences": [[word, word]],
        "ner": [[[0, 0, gold_label]]],
        "entities": [
            {"start_word": 0, "end_word": 1, "label": label, "score": 0.5},
            {"start_word": 0, "end_word": 0, "label": gold_label, "score": 0.5},
        ],
        "relations": [{"head": 0, "tail": 1, "label": reason, "score": 0.5}],
    }
    page = render_page([prediction_from_json(fields), FailedInput(reason, 1)], title=title)
    parsed = Page(page)
    assert {e["tag"] for e in parsed.elements} <= ALLOWED_TAGS
    assert {name for e in parsed.elements for name in e} <= ALLOWED_ATTRIBUTES
    assert parsed.of("title")[0]["text"] == title
    assert parsed.of("h2")[0]["text"] == f"{title} {key}"
    assert parsed.of("p", "failed")[0]["text"] == f"Not predicted: input line 1: {reason}"
    assert parsed.of("div", "text")[0]["text"].endswith(f" {word}")
    assert [(shown, tooltip) for shown, _, tooltip in entities_on(page)] == [
        (f"✗ {label}", f"{label} · score 0.500 · wrong: not in the gold annotation"),
        (f"✓ {gold_label}", f"{gold_label} · score 0.500 · as in the gold annotation"),
    ]
    _, (head, (relation, _), tail) = relations_on(page)
    assert (head, tail) == ((f"{word} {word}", label), (word, gold_label))
    assert relation in (f"{reason} → 0.50", f"{reason} ← 0.50")


def test_types_that_differ_only_in_case_stay_different():
    page = render_page([document("a b", [(0, 0, "task", 0.1), (1, 1, "TASK", 0.2)])])
    assert [(text, title) for text, _, title in entities_on(page)] == [
        ("task", "task · score 0.100"),
        ("TASK", "TASK · score 0.200"),
    ]
    assert [row[0] for row in table(page)] == ["type", "TASK", "task", "All"]
