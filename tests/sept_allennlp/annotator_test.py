from typing import Iterator

import pytest

import sept_allennlp
from sept_allennlp import Annotator, Entity

TEXTS = ["We use a parser for parsing.", "", "It works on many documents, e.g. abstracts."]


@pytest.fixture(scope="module")
def annotator(trained_archive: str) -> Annotator:
    return sept_allennlp.load(trained_archive)


def test_entities_are_typed_and_in_place(annotator: Annotator) -> None:
    found = list(annotator.annotate(TEXTS))
    assert len(found) == 3
    assert found[0] and found[1] == [] and found[2]
    for text, entities in zip(TEXTS, found):
        for entity in entities:
            assert isinstance(entity, Entity)
            assert text[entity.start : entity.end] == entity.text
            assert 0.0 <= entity.score <= 1.0


def test_batches_do_not_matter(annotator: Annotator) -> None:
    together = list(annotator.annotate(TEXTS * 5, batch_size=15))
    alone = list(annotator.annotate(TEXTS * 5, batch_size=1))
    for one, other in zip(together, alone):
        assert [(e.start, e.end, e.label) for e in one] == [
            (e.start, e.end, e.label) for e in other
        ]
        assert [e.score for e in one] == pytest.approx([e.score for e in other], abs=1e-5)


def test_texts_may_be_a_stream(annotator: Annotator) -> None:
    def texts() -> Iterator[str]:
        while True:
            yield TEXTS[0]

    assert next(annotator.annotate(texts(), batch_size=2))


def test_what_is_no_list_of_texts_is_refused(annotator: Annotator) -> None:
    with pytest.raises(TypeError, match=r"annotate\(\[text\]\)"):
        next(annotator.annotate("We use a parser."))
    with pytest.raises(TypeError, match="a text must be a string, not int"):
        next(annotator.annotate([3]))  # type: ignore[list-item]


def test_options_reach_the_model(trained_archive: str) -> None:
    annotator = sept_allennlp.load(trained_archive, min_score=1.0, top_labels=2)
    assert list(annotator.annotate(TEXTS[:1])) == [[]]


def test_a_missing_archive_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="no_such_model.tar.gz"):
        sept_allennlp.load("no_such_model.tar.gz")
