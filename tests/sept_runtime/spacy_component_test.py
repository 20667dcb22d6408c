import spacy
from spacy.tokens import Doc

import sept_allennlp
from sept_runtime.annotator import Annotator
from sept_runtime.decoding import Decoding
from sept_runtime.spacy_component import SEPTComponent
from tests.sept_runtime.word_predictor import NeighborPredictor

TEXTS = ["We use a parser (fast) for parsing.", "", "It works on state-of-the-art documents."]


def test_a_pipeline_fills_the_span_group(trained_archive: str) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("sept", config={"model": trained_archive})
    expected = list(sept_allennlp.load(trained_archive).annotate(TEXTS))
    assert expected[0] and expected[2]
    for doc, entities in zip(nlp.pipe(TEXTS), expected):
        group = doc.spans["sept"]
        assert [span.label_ for span in group] == [entity.label for entity in entities]
        assert list(group.attrs["scores"]) == [entity.score for entity in entities]
        for span, entity in zip(group, entities):
            # spaCy cuts at hyphens, SEPT does not: a span is never narrower than the entity.
            assert span.start_char <= entity.start and span.end_char >= entity.end
            assert entity.text in span.text


def test_options_and_single_documents(trained_archive: str) -> None:
    nlp = spacy.blank("en")
    config = {"model": trained_archive, "spans_key": "science", "min_score": 1.0}
    nlp.add_pipe("sept", config=config)
    assert len(nlp(TEXTS[0]).spans["science"]) == 0


def test_relations_are_between_the_spans_of_the_group() -> None:
    component = SEPTComponent(Annotator(NeighborPredictor(), Decoding()), "sept", batch_size=2)
    nlp = spacy.blank("en")
    texts = ["A parser, a corpus.", "Nothing.", "Parsers."]
    related, *others = component.pipe(map(nlp, texts), batch_size=2)
    # As it comes from another process.
    related = Doc(nlp.vocab).from_bytes(related.to_bytes())
    ((head, tail, label, score),) = [relation.values() for relation in related._.sept_relations]
    spans = related.spans["sept"]
    assert (spans[head].text, label, spans[tail].text) == ("parser", "BEFORE", "corpus")
    assert score == 0.25
    assert [doc._.sept_relations for doc in others] == [[], []]


def test_a_model_without_relations_leaves_them_unset(trained_archive: str) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("sept", config={"model": trained_archive})
    assert nlp(TEXTS[0])._.sept_relations is None
