import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sept_runtime.documents import AnnotatedSpan, Document, ScoredSpan
from sept_runtime.formats.predictions import FailedInput, PredictedDocument
from sept_runtime.views.html.page import (
    MOST_UNFOLDED,
    OTHER_COLOURS,
    TYPE_COLOURS,
    colours_of,
    render_page,
)


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


def predicted(words, *entities, gold=None, key="doc", title=None):
    document = Document(
        key=key,
        sentences=[sentence.split() for sentence in words.split("|")],
        entities=None if gold is None else [AnnotatedSpan(*entity) for entity in gold],
    )
    return PredictedDocument(document, [ScoredSpan(*entity) for entity in entities], title)


def entities_on(page):
    """Label as shown, row of the grid, and tooltip of each entity, where it starts."""
    parsed = Page(page)
    details = parsed.elements.index(parsed.of("details")[0])
    starts = [e for e in parsed.elements[details:] if "entity" in e.get("class", "") and e["text"]]
    return [(e["text"], e["style"].removeprefix("grid-row:"), e["title"]) for e in starts]


def table(page):
    rows = re.findall(r"<tr>.*?</tr>", page)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]
    return [[re.sub(r"<[^>]*>", "", cell) for cell in row] for row in cells]


def test_scores_are_in_the_tooltips_and_nested_entities_in_rows_of_their_own():
    page = render_page(
        [
            predicted(
                "a named entity recognition model",
                (1, 4, "Method", 0.5),
                (1, 3, "Task", 0.91234),
                (4, 4, "Generic"),
            )
        ]
    )
    assert entities_on(page) == [
        ("Method", "2", "Method · score 0.500"),
        ("Task", "3", "Task · score 0.912"),
        ("Generic", "3", "Generic"),
    ]
    assert "3 entities" in page


def test_crossing_entities_never_share_a_row_and_cover_all_their_words():
    spans = [(0, 2, "Task"), (1, 4, "Method"), (3, 5, "Task"), (5, 5, "Metric")]
    page = render_page([predicted("a b c d e f", *spans)])
    rows = []
    for token in re.findall(r'<span class="token">.*?</span></span> ', page):
        rows.append(set(re.findall(r"grid-row:(\d+)", token)))
    # How many entities each word is in, which is how many rows it must show.
    assert [len(row) for row in rows] == [1, 2, 2, 2, 2, 2]


def test_gold_against_predicted():
    document = predicted(
        "we train a fast parser | on new data",
        (3, 4, "Method", 0.9),
        (4, 4, "Generic", 0.8),
        (6, 7, "Task", 0.7),
        gold=[(3, 4, "Method"), (6, 7, "Material"), (1, 1, "Generic")],
    )
    page = render_page([document])
    assert entities_on(page) == [
        ("missed: Generic", "2", "Generic · missed: only in the gold annotation"),
        ("✓ Method", "2", "Method · score 0.900 · as in the gold annotation"),
        ("✗ Generic", "3", "Generic · score 0.800 · wrong: not in the gold annotation"),
        ("missed: Material", "2", "Material · missed: only in the gold annotation"),
        ("✗ Task", "3", "Task · score 0.700 · wrong: in the gold annotation it is Material"),
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


def test_documents_without_gold_do_not_touch_the_scores():
    page = render_page(
        [
            predicted("a b", (0, 0, "Task"), gold=[(0, 0, "Task")]),
            predicted("a b", (1, 1, "Metric")),
        ]
    )
    assert table(page)[1:] == [
        ["Task", "1", "0", "0", "0", "1.000", "1.000", "1.000"],
        ["Metric", "0", "0", "0", "1", "–", "–", "–"],
        ["All", "1", "0", "0", "1", "1.000", "1.000", "1.000"],
    ]


def test_a_corpus_without_predictions_shows_its_annotation():
    document = Document("d", [["a", "b"]], entities=[AnnotatedSpan(0, 1, "Task")])
    page = render_page([PredictedDocument(document, None)])
    assert entities_on(page) == [("Task", "2", "Task")]
    assert table(page) == [["type", "entities"], ["Task", "1"], ["All", "1"]]


def test_headings_failed_inputs_and_empty_documents():
    page = render_page(
        [
            predicted("a", key="K1", title="On a"),
            FailedInput("the text is empty", 17),
            PredictedDocument(Document("", []), []),
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


def test_nothing_at_all():
    assert "0 documents" in render_page([])


def test_direction_is_that_of_the_first_letter():
    pages = [predicted("12 שלום BERT"), predicted("( BERT שלום"), predicted("12 .")]
    directions = [e["dir"] for e in Page(render_page(pages)).of("div", "text")]
    assert directions == ["rtl", "ltr", "ltr"]


def test_brackets_are_shown_as_an_author_types_them():
    assert "( x )" in Page(render_page([predicted("-LRB- x -RRB-")])).of("div", "text")[0]["text"]


def test_many_documents_are_folded():
    few = render_page([predicted("a")] * MOST_UNFOLDED)
    many = render_page([predicted("a")] * (MOST_UNFOLDED + 1))
    assert all("open" in e for e in Page(few).of("details"))
    assert not any("open" in e for e in Page(many).of("details"))


def test_the_page_needs_nothing_from_outside_and_runs_nothing():
    page = render_page([predicted("a b", (0, 1, "Task"))])
    assert "default-src 'none'" in page
    assert not re.search(r"https?:|url\(|@import|<script|<link|<img", page)


HOSTILE = "<script>alert(1)</script>"
ALLOWED_TAGS = set(
    "html head meta title style body h1 bdi div p table thead tbody tr th td span details summary "
    "h2 small".split()
)
ALLOWED_ATTRIBUTES = set(
    "tag text lang charset http-equiv content name class scope id open dir style title "
    "data-entity".split()
)
pieces = st.text(alphabet="<>&\"'{}/=`a \u202e\u05d0\0", min_size=1, max_size=8)
nasty = st.one_of(
    st.sampled_from([HOSTILE, f'"{HOSTILE}', f"'{HOSTILE}", "{bg}", "{0}", "&lt;", "</details>"]),
    pieces,
).filter(str.strip)


@settings(max_examples=60, deadline=None)
@given(nasty, nasty, nasty, nasty, nasty, nasty)
def test_whatever_a_file_holds_stays_text(key, title, word, label, gold_label, reason):
    document = Document(key, [[word, word]], entities=[AnnotatedSpan(0, 0, gold_label)])
    prediction = PredictedDocument(document, [ScoredSpan(0, 1, label, 0.5)], title)
    parsed = Page(render_page([prediction, FailedInput(reason, 1)], title=title))
    assert {e["tag"] for e in parsed.elements} <= ALLOWED_TAGS
    assert {name for e in parsed.elements for name in e} <= ALLOWED_ATTRIBUTES
    assert parsed.of("title")[0]["text"] == title
    assert key in parsed.of("h2")[0]["text"] and title in parsed.of("h2")[0]["text"]
    assert reason in parsed.of("p", "failed")[0]["text"]
    assert parsed.of("div", "text")[0]["text"].count(word) >= 2
    assert f"✗ {label}" in [e["text"] for e in parsed.of("span", "label")]
    assert any(e.get("title", "").startswith(f"{label} · score 0.500") for e in parsed.elements)


def test_types_that_differ_in_capitals_only_stay_two():
    page = render_page([predicted("a b", (0, 0, "task", 0.1), (1, 1, "TASK", 0.2))])
    assert [(text, title) for text, _, title in entities_on(page)] == [
        ("task", "task · score 0.100"),
        ("TASK", "TASK · score 0.200"),
    ]


def luminance(colour: str) -> float:
    """As the Web Content Accessibility Guidelines define it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", [*TYPE_COLOURS.values(), *OTHER_COLOURS])
def test_black_labels_are_readable_on_every_colour(colour):
    # 7 is the stricter of the guidelines' two levels.
    assert (luminance(colour) + 0.05) / 0.05 >= 7


def test_colours_are_stable_and_different():
    names = [f"type {i}" for i in range(len(OTHER_COLOURS))]
    colours = colours_of([*names, "Task"])
    assert len(set(colours.values())) == len(colours)
    assert colours == colours_of(["Task", *reversed(names)])
    assert colours["Task"] == TYPE_COLOURS["Task"]
    # Alone on a page, a type has the colour that it has beside SciERC's.
    assert colours_of(["Disease"])["Disease"] == colours_of(["Disease", "Method"])["Disease"]


def test_there_is_a_colour_for_any_number_of_types():
    assert len(colours_of(map(str, range(200)))) == 200
