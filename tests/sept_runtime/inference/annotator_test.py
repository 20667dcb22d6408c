import html
import json
import re
from typing import Iterator

import pytest

from sept_runtime.inference.annotator import AnnotatedText, Annotator, Entity, Relation
from sept_runtime.options import Decoding
from tests.sept_runtime.word_predictor import NeighborPredictor, WordPredictor

TEXTS = ["We use a parser (a corpus).", "", "\n ", "It works: nothing here.", "parser"]


def test_entities_are_in_their_texts() -> None:
    found = list(Annotator(WordPredictor(), Decoding()).annotate(TEXTS, batch_size=2))
    parser = Entity("parser", "Thing", 0.5, 9, 15, (("Thing", 0.5),))
    corpus = Entity("corpus", "Thing", 0.75, 19, 25, (("Thing", 0.75),))
    alone = Entity("parser", "Thing", 0.5, 0, 6, (("Thing", 0.5),))
    assert found == [[parser, corpus], [], [], [], [alone]]


def test_relations_are_between_entities_of_the_text() -> None:
    annotator = Annotator(NeighborPredictor(), Decoding())
    related, without = annotator.annotate(["A parser, a corpus, a parser.", "Nothing."])
    first, corpus, last = related
    assert related.relations == [
        Relation(first, corpus, "BEFORE", 0.25),
        Relation(corpus, last, "BEFORE", 0.25),
    ]
    assert (without, without.relations) == ([], [])
    assert isinstance(related, list) and isinstance(without, AnnotatedText)
    assert annotator.finds_relations


def test_a_model_without_relations_finds_none() -> None:
    annotator = Annotator(WordPredictor(), Decoding())
    assert not annotator.finds_relations
    assert [found.relations for found in annotator.annotate(TEXTS)] == [[]] * len(TEXTS)


def test_the_decoding_is_passed_on() -> None:
    annotator = Annotator(WordPredictor(), Decoding(min_score=0.6))
    assert [[e.text for e in found] for found in annotator.annotate(TEXTS[:1])] == [["corpus"]]


def test_texts_may_be_a_stream() -> None:
    def texts() -> Iterator[str]:
        while True:
            yield TEXTS[0]

    assert len(next(Annotator(WordPredictor(), Decoding()).annotate(texts(), batch_size=2))) == 2


def test_one_text_gives_one_result() -> None:
    annotator = Annotator(WordPredictor(), Decoding())
    expected = Entity("parser", "Thing", 0.5, 9, 15, (("Thing", 0.5),))
    assert annotator("We use a parser.") == annotator.annotate("We use a parser.") == [expected]
    with pytest.raises(TypeError, match=r"the text must be a string, got 3 \(int\)"):
        annotator(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"pipe\(\[text\]\)"):
        next(annotator.pipe("We use a parser."))
    assert annotator.labels == ("Thing",)


@pytest.mark.parametrize("bad", [None, float("nan"), 3, b"a parser", ["a parser"]])
@pytest.mark.parametrize("batch_size", [1, 32])
def test_a_bad_text_costs_only_its_own_result(bad: object, batch_size: int) -> None:
    annotator = Annotator(NeighborPredictor(), Decoding())
    texts = ["A parser."] * 600 + [bad] + ["A corpus."]
    with pytest.warns(UserWarning, match=r"^text 600 \(counted from 0\) must be a string, got"):
        found = list(annotator.pipe(texts, batch_size=batch_size))  # type: ignore[arg-type]
    assert [[entity.text for entity in each] for each in found] == (
        [["parser"]] * 600 + [[]] + [["corpus"]]
    )
    error = found[600].error
    assert error is not None and error.endswith(f"({type(bad).__name__})")
    assert [each.error for each in found if each.error] == [error]


def test_pipe_keeps_each_text_with_its_context() -> None:
    annotator = Annotator(WordPredictor(), Decoding())
    pairs = [("A parser of words.", {"id": 1}), ("", None), ("corpus", 3)]
    found = list(annotator.pipe(pairs, as_tuples=True, batch_size=1))
    assert [context for _, context in found] == [{"id": 1}, None, 3]
    assert [[entity.text for entity in each] for each, _ in found] == [["parser"], [], ["corpus"]]


def test_results_as_plain_values() -> None:
    annotator = Annotator(NeighborPredictor(), Decoding())
    found = annotator.annotate("A parser, a corpus.")
    parser = {"text": "parser", "label": "Thing", "score": 0.5, "start": 2, "end": 8}
    corpus = {"text": "corpus", "label": "Thing", "score": 0.75, "start": 12, "end": 18}
    assert json.loads(json.dumps(found.to_dict())) == {
        "text": "A parser, a corpus.",
        "entities": [
            {**parser, "labels": [{"label": "Thing", "score": 0.5}]},
            {**corpus, "labels": [{"label": "Thing", "score": 0.75}]},
        ],
        "relations": [{"head": 0, "tail": 1, "label": "BEFORE", "score": 0.25}],
    }
    assert found.to_hugging_face() == [
        {"entity_group": "Thing", "score": 0.5, "word": "parser", "start": 2, "end": 8},
        {"entity_group": "Thing", "score": 0.75, "word": "corpus", "start": 12, "end": 18},
    ]
    pandas = pytest.importorskip("pandas")
    expected = pandas.DataFrame([parser, corpus])
    pandas.testing.assert_frame_equal(found.to_dataframe(), expected)
    nothing = annotator.annotate("Nothing.")
    assert list(nothing.to_dataframe().columns) == list(expected.columns)
    assert nothing.to_dict() == {"text": "Nothing.", "entities": [], "relations": []}


def test_a_notebook_shows_the_text_with_its_entities() -> None:
    annotator = Annotator(NeighborPredictor(), Decoding())
    for text in ["  A parser & a corpus.", "parser", "", "Nothing."]:
        frame = annotator.annotate(text)._repr_html_()
        # What is in the attribute is escaped once more.
        assert frame.startswith("<iframe sandbox srcdoc=") and frame.count("<") == 2
        page = html.unescape(frame.split('srcdoc="')[1].split('"')[0])
        shown = page.split('dir="ltr">')[1].split("</div>")[0]
        visible = html.unescape(re.sub(r'<span class="slot">.*?</span></span>|<[^>]*>', "", shown))
        assert visible == text
    with pytest.warns(UserWarning):
        (failed,) = annotator.pipe([None])  # type: ignore[list-item]
    assert "must be a string, got None" in failed._repr_html_()
    assert failed.to_dict()["error"] == failed.error
