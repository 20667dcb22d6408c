import pickle
import shutil
from pathlib import Path
from typing import Any, List, Tuple

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc

import sept_allennlp
from sept_runtime import spacy_component
from sept_runtime.errors import ExportedModelError
from sept_runtime.inference.annotator import Annotator
from sept_runtime.options import Decoding
from sept_runtime.spacy_component import SEPTComponent
from tests.openvino import ENGINES
from tests.sept_runtime.word_predictor import NeighborPredictor

TEXTS = ["We use a parser (fast) for parsing.", "", "It works on state-of-the-art documents."]


def pipeline(model: Any, **config: Any) -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("sept", config={"model": str(model), **config})
    return nlp


def found(nlp: Language, **options: Any) -> List[List[Tuple[int, int, str]]]:
    return [
        [(span.start, span.end, span.label_) for span in doc.spans["sept"]]
        for doc in nlp.pipe(TEXTS, **options)
    ]


@pytest.fixture(params=["archive", "exported"])
def model(request: pytest.FixtureRequest, trained_archive: str) -> str:
    """An archive, and the folder that it was exported to."""
    if request.param == "archive":
        return trained_archive
    return str(request.getfixturevalue("exported_model"))


def test_a_pipeline_fills_the_span_group(trained_archive: str, model: str) -> None:
    nlp = pipeline(model)
    expected = list(sept_allennlp.load(trained_archive).annotate(TEXTS))
    assert expected[0] and expected[2]
    for doc, entities in zip(nlp.pipe(TEXTS), expected):
        group = doc.spans["sept"]
        assert [span.label_ for span in group] == [entity.label for entity in entities]
        scores = [entity.score for entity in entities]
        assert list(group.attrs["scores"]) == pytest.approx(scores, abs=1e-4)
        for span, entity in zip(group, entities):
            # spaCy cuts at hyphens, SEPT does not: a span is never narrower than the entity.
            assert span.start_char <= entity.start and span.end_char >= entity.end
            assert entity.text in span.text


def test_options_and_single_documents(model: str) -> None:
    nlp = pipeline(model, spans_key="science", min_score=1.0)
    assert len(nlp(TEXTS[0]).spans["science"]) == 0


def test_a_saved_pipeline_holds_its_model(model: str, tmp_path: Path) -> None:
    original = Path(model)
    elsewhere = tmp_path / "model.tar.gz" if original.is_file() else tmp_path / "exported"
    (shutil.copy if original.is_file() else shutil.copytree)(original, elsewhere)
    nlp = pipeline(elsewhere)
    expected = found(nlp)
    nlp.to_disk(tmp_path / "saved")
    # The model that it was made from is gone, and so is the place where it was saved.
    elsewhere.unlink() if elsewhere.is_file() else shutil.rmtree(elsewhere)
    loaded = spacy.load((tmp_path / "saved").rename(tmp_path / "moved"))
    assert found(loaded) == expected
    # In place, and somewhere else.
    loaded.to_disk(tmp_path / "moved")
    loaded.to_disk(tmp_path / "again")
    assert found(spacy.load(tmp_path / "moved")) == expected
    assert found(spacy.load(tmp_path / "again")) == expected


@pytest.mark.parametrize("engine", ENGINES)
def test_another_process_loads_its_own(exported_model: Path, engine: str) -> None:
    nlp = pipeline(exported_model, threads=2, engine=engine)
    expected = found(nlp)
    # As processes that are not forked get it.
    name, component = nlp.pipeline[0]
    copy = pickle.loads(pickle.dumps(component))
    doc = copy(nlp.make_doc(TEXTS[0]))
    assert [span.label_ for span in doc.spans["sept"]] == [label for _, _, label in expected[0]]
    # This one has a loaded model, with threads, when it forks.
    assert found(nlp, n_process=2, batch_size=1) == expected


def test_a_damaged_model_is_no_component(exported_model: Path, tmp_path: Path) -> None:
    shutil.copytree(exported_model, tmp_path / "exported")
    (tmp_path / "exported" / "encoder.onnx").unlink()
    with pytest.raises(ExportedModelError, match="encoder.onnx: is missing"):
        pipeline(tmp_path / "exported")
    with pytest.raises(ExportedModelError, match="runs on the CPU; leave 'cuda_device' out"):
        pipeline(exported_model, cuda_device=0)


def test_an_archive_takes_no_engine(trained_archive: str) -> None:
    for option in ({"engine": "openvino"}, {"precision": "bfloat16"}):
        with pytest.raises(ValueError, match="takes no 'engine' and no 'precision'; export it by"):
            pipeline(trained_archive, **option)


def test_relations_are_between_the_spans_of_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    annotator = Annotator(NeighborPredictor(), Decoding())
    monkeypatch.setattr(spacy_component, "_load", lambda model, options: annotator)
    component = SEPTComponent("", {}, "sept", batch_size=2)
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


def test_an_exported_model_of_relations(related_archive: str, related_model: Path) -> None:
    texts = [*TEXTS, "We train a small model on a corpus of documents for parsing."]
    exported, trained = (list(pipeline(m).pipe(texts)) for m in (related_model, related_archive))
    for doc, expected in zip(exported, trained):
        found, wanted = doc._.sept_relations, expected._.sept_relations
        scores = [[each.pop("score") for each in relations] for relations in (found, wanted)]
        assert found == wanted
        assert scores[0] == pytest.approx(scores[1], abs=1e-5)
    assert exported[-1]._.sept_relations


def test_a_model_without_relations_leaves_them_unset(model: str) -> None:
    assert pipeline(model)(TEXTS[0])._.sept_relations is None
