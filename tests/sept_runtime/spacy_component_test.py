import json
import pickle
import shutil
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

import sept_allennlp
from sept_runtime import spacy_component
from sept_runtime.documents import Document, Prediction, ScoredRelation, ScoredSpan
from sept_runtime.errors import ExportedModelError
from sept_runtime.inference.annotator import Annotator
from sept_runtime.options import Decoding
from sept_runtime.spacy_component import SEPTComponent
from tests.openvino import ENGINES
from tests.sept_runtime.models_test import install_by_hand
from tests.sept_runtime.word_predictor import NeighborPredictor, WordPredictor

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
    """Return an archive, or the folder that it was exported to."""
    if request.param == "archive":
        return trained_archive
    return str(request.getfixturevalue("exported_model"))


def test_a_pipeline_fills_the_span_group(trained_archive: str, model: str) -> None:
    nlp = pipeline(model)
    expected = list(sept_allennlp.load(trained_archive).annotate(TEXTS))
    assert expected[0] or expected[2]
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
    # The original model and the folder where it was saved no longer exist.
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


def test_a_damaged_model_makes_no_component(exported_model: Path, tmp_path: Path) -> None:
    shutil.copytree(exported_model, tmp_path / "exported")
    (tmp_path / "exported" / "encoder.onnx").unlink()
    with pytest.raises(ExportedModelError, match="encoder.onnx: missing"):
        pipeline(tmp_path / "exported")
    with pytest.raises(ExportedModelError, match="runs on the CPU; leave 'cuda_device' out"):
        pipeline(exported_model, cuda_device=0)


def test_an_archive_takes_no_engine(trained_archive: str) -> None:
    for option in ({"engine": "openvino"}, {"precision": "bfloat16"}):
        with pytest.raises(ValueError, match="'engine' and 'precision' are for exported models"):
            pipeline(trained_archive, **option)


def test_relations_are_between_the_spans_of_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    annotator = Annotator(NeighborPredictor(), Decoding())
    monkeypatch.setattr(spacy_component, "_load", lambda model, options: annotator)
    component = SEPTComponent("", {}, "sept", None, batch_size=2)
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
    abstracts = Path("fixtures/raw_abstracts.jsonl").read_text().splitlines()
    texts = [*TEXTS, *(json.loads(line)["text"] for line in abstracts)]
    exported, trained = (list(pipeline(m).pipe(texts)) for m in (related_model, related_archive))
    for doc, expected in zip(exported, trained):
        found, wanted = doc._.sept_relations, expected._.sept_relations
        scores = [[each.pop("score") for each in relations] for relations in (found, wanted)]
        assert found == wanted
        assert scores[0] == pytest.approx(scores[1], abs=1e-5)
    assert any(doc._.sept_relations for doc in exported)


def test_a_model_without_relations_leaves_them_unset(model: str) -> None:
    assert pipeline(model)(TEXTS[0])._.sept_relations is None


class Stub(WordPredictor):
    """A predictor that finds the given words, and that each is before the next."""

    def __init__(self, words: List[str], label: str, finds_relations: bool = True) -> None:
        super().__init__()
        self._words = words
        self.labels = (label,)
        self.finds_relations = finds_relations

    def predict_batch(self, documents: Sequence[Document], decoding: Decoding) -> List[Prediction]:
        if any("fail" in document.words for document in documents):
            raise RuntimeError("the model failed")
        predictions = []
        for document in documents:
            at = [n for n, word in enumerate(document.words) if word in self._words]
            entities = [ScoredSpan(n, n, self.labels[0], 0.5 + n / 100) for n in at]
            relations = [ScoredRelation(n, n + 1, "BEFORE", 0.5) for n in range(len(at) - 1)]
            predictions.append(Prediction(entities, relations if self.finds_relations else None))
        return predictions


@pytest.fixture
def add_stub(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Add a component with a predictor of its own to a pipeline."""
    annotators: Dict[str, Annotator] = {}
    monkeypatch.setattr(spacy_component, "_load", lambda model, options: annotators[model])

    def add(nlp: Language, predictor: Stub, flat: bool = False, **config: Any) -> SEPTComponent:
        key = config.get("spans_key", "sept")
        annotators[key] = Annotator(predictor, Decoding(flat=flat))
        component = nlp.add_pipe("sept", name=key, config={"model": key, **config})
        assert isinstance(component, SEPTComponent)
        return component

    return add


def test_two_components_keep_their_results_apart(add_stub: Any) -> None:
    nlp = spacy.blank("en")
    add_stub(nlp, Stub(["LSTM", "CRF"], "Method"), spans_key="methods")
    add_stub(nlp, Stub(["We"], "Person"), spans_key="people")
    add_stub(nlp, Stub(["use"], "Verb", finds_relations=False), spans_key="verbs")
    doc = nlp("We use LSTM and CRF.")
    found = {key: [span.text for span in group] for key, group in doc.spans.items()}
    assert found == {"methods": ["LSTM", "CRF"], "people": ["We"], "verbs": ["use"]}
    (relation,) = doc._.methods_relations
    assert (relation["head"], relation["tail"], relation["label"]) == (0, 1, "BEFORE")
    assert (doc._.people_relations, doc._.verbs_relations) == ([], None)


def test_two_components_with_one_key_are_warned_about() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("sept", config={"model": "none"})
    with pytest.warns(UserWarning, match="'sept' and 'again' both write to doc.spans.'sept'"):
        nlp.add_pipe("sept", name="again", config={"model": "none"})


def test_assigned_attributes_are_declared() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("sept", config={"model": "none"})
    assigned = nlp.analyze_pipes()["summary"]["sept"]["assigns"]
    assert assigned == ["doc.spans", "doc.ents", "doc._.sept_relations"]


def test_doc_ents_are_set_for_flat_models_or_by_an_option(add_stub: Any) -> None:
    for flat, set_ents, expected in [
        (True, None, True),
        (False, None, False),
        (False, True, True),
        (True, False, False),
    ]:
        nlp = spacy.blank("en")
        add_stub(nlp, Stub(["LSTM", "CRF"], "Method"), flat=flat, set_ents=set_ents)
        doc = nlp("We use LSTM and CRF.")
        assert len(doc.spans["sept"]) == 2
        ents = [(ent.text, ent.label_) for ent in doc.ents]
        assert ents == ([("LSTM", "Method"), ("CRF", "Method")] if expected else [])


def test_entities_of_other_components_stay_where_they_do_not_overlap(add_stub: Any) -> None:
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns(
        [{"label": "ORG", "pattern": "LSTM and"}, {"label": "PERSON", "pattern": "We"}]
    )
    add_stub(nlp, Stub(["LSTM", "CRF"], "Method"), set_ents=True)
    doc = nlp("We use LSTM and CRF.")
    assert [(ent.text, ent.label_) for ent in doc.ents] == [
        ("We", "PERSON"),
        ("LSTM", "Method"),
        ("CRF", "Method"),
    ]


def test_doc_ents_has_the_most_probable_of_overlapping_entities(add_stub: Any) -> None:
    nlp = spacy.blank("en")
    add_stub(nlp, Stub(["(", "LSTM", "CRF"], "Method"), set_ents=True)
    # One token to spaCy, five words here; the later word has the higher score.
    doc = nlp.get_pipe("sept")(Doc(nlp.vocab, words=["LSTM(CRF)", "works"]))
    assert [span.text for span in doc.spans["sept"]] == ["LSTM(CRF)"] * 3
    assert [ent.text for ent in doc.ents] == ["LSTM(CRF)"]


def test_labels_and_scores(add_stub: Any) -> None:
    nlp = spacy.blank("en")
    add_stub(nlp, Stub(["LSTM", "CRF", "We"], "Method"), flat=True)
    assert nlp.pipe_labels["sept"] == []
    nlp("A document for which the model is loaded.")
    assert nlp.pipe_labels["sept"] == ["Method"]
    examples = []
    for text, gold in [("We use LSTM.", ["LSTM"]), ("A CRF, a parser.", ["CRF", "parser"])]:
        reference = nlp.make_doc(text)
        spans = [
            reference.char_span(text.index(word), text.index(word) + len(word), "Method")
            for word in gold
        ]
        reference.spans["sept"] = spans
        examples.append(Example(nlp.make_doc(text), reference))
    # Found are We, LSTM and CRF; right are two of three, and of three gold ones.
    scores = nlp.evaluate(examples)
    assert (scores["spans_sept_p"], scores["spans_sept_r"]) == (2 / 3, 2 / 3)
    assert scores["spans_sept_per_type"]["Method"]["f"] == pytest.approx(2 / 3)
    # The same gold in `doc.ents` alone.
    for example in examples:
        example.reference.ents = list(example.reference.spans.pop("sept"))
    scores = nlp.evaluate([Example(nlp.make_doc(e.text), e.reference) for e in examples])
    assert scores["spans_sept_f"] == scores["ents_f"] == pytest.approx(2 / 3)


def test_a_stream_needs_no_batch_size_and_errors_go_to_the_handler(add_stub: Any) -> None:
    nlp = spacy.blank("en")
    component = add_stub(nlp, Stub(["LSTM"], "Method"))
    texts = ["We use LSTM.", "They fail", "LSTM"]
    with pytest.raises(RuntimeError, match="the model failed"):
        list(component.pipe(map(nlp.make_doc, texts)))
    failed = []
    nlp.set_error_handler(lambda name, pipe, docs, error: failed.append((name, str(error))))
    docs = list(nlp.pipe(texts, batch_size=1))
    assert [doc.text for doc in docs] == ["We use LSTM.", "LSTM"]
    assert failed == [("sept", "the model failed")]


def test_the_last_saved_model_is_loaded(exported_model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(exported_model, other)
    (other / "README.md").write_text("another")
    saved = tmp_path / "saved"
    for model in (exported_model, other):
        pipeline(model).to_disk(saved)
        assert (saved / "sept" / "model" / "README.md").read_bytes() == (
            model / "README.md"
        ).read_bytes()
    # An archive, and then again a folder.
    (tmp_path / "model.tar.gz").write_bytes(b"not loaded here")
    component = SEPTComponent("none", {}, "sept", None, 1)
    for model in (tmp_path / "model.tar.gz", other):
        component._model = str(model)
        component.to_disk(saved / "sept")
        expected = "model.tar.gz" if model.is_file() else "model"
        assert [path.name for path in (saved / "sept").iterdir()] == [expected]


def test_a_pipeline_with_a_model_cannot_become_bytes(exported_model: Path) -> None:
    nlp = pipeline(exported_model)
    with pytest.raises(
        ValueError, match=r"nlp\.to_bytes cannot carry the model of 'sept'.*to_disk"
    ):
        nlp.to_bytes()
    assert nlp.to_bytes(exclude=["sept"])


def test_the_folder_of_a_training_is_a_model(trained_archive: str) -> None:
    folder = Path(trained_archive).parent
    assert found(pipeline(folder)) == found(pipeline(Path(trained_archive)))


def test_the_installed_model_is_the_default(
    exported_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nlp = spacy.blank("en")
    component = nlp.add_pipe("sept")
    with pytest.raises(ExportedModelError, match="no model is installed"):
        nlp(TEXTS[0])
    assert component.labels == ()
    monkeypatch.syspath_prepend(tmp_path)
    folder = install_by_hand(tmp_path, "terms", "sept_model_terms")
    shutil.copytree(exported_model, folder, dirs_exist_ok=True)
    expected = found(pipeline(exported_model))
    assert found(nlp) == expected
    by_name = spacy.blank("en")
    by_name.add_pipe("sept", config={"model": "terms"})
    assert found(by_name) == expected
    by_name.to_disk(tmp_path / "saved")
    assert (tmp_path / "saved" / "sept" / "model" / "sept.json").is_file()
