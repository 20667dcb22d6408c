import spacy

import sept_allennlp

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
