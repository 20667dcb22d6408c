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


def test_what_is_no_list_of_texts_is_refused() -> None:
    annotator = Annotator(WordPredictor(), Decoding())
    with pytest.raises(TypeError, match=r"annotate\(\[text\]\)"):
        next(annotator.annotate("We use a parser."))
    with pytest.raises(TypeError, match="a text must be a string, not int"):
        next(annotator.annotate([3]))  # type: ignore[list-item]
