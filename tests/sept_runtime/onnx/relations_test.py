"""Relations by an exported model: those of its archive."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest

import sept_runtime
from sept_allennlp.predictors import SEPTPredictor
from sept_runtime.documents import Document
from sept_runtime.formats.json_lines import JsonObject
from sept_runtime.inference.annotator import AnnotatedText
from sept_runtime.inference.json_lines import predict_lines
from sept_runtime.onnx import ExportedPredictor
from tests.experiments import FIXTURES
from tests.openvino import ENGINES, needs_bfloat16, needs_openvino

# One of a word, one of several sentences, one of several windows without a full stop, and one of
# several windows and sentences.
TEXTS = [
    "We use a parser (fast) for parsing.",
    "Parsing",
    "It works on state-of-the-art documents, as Smith et al. (2019) say. It is a model.",
    "we train a small model on a corpus of documents and " * 20,
    "We train a small model on a corpus of documents. " * 20,
]
LINES = [json.dumps({"text": text}).encode() for text in TEXTS]
# With gold relations.
LINES += (FIXTURES / "abstracts" / "dev.json").read_bytes().splitlines()


@pytest.fixture(scope="module")
def archive(related_archive: str) -> SEPTPredictor:
    return SEPTPredictor.from_path(related_archive)


def predicted(predictor: Any, options: Dict[str, Any], batch_size: int = 4) -> List[JsonObject]:
    decoding = predictor.decoding.changed(**options)
    return list(predict_lines(predictor, LINES, decoding, batch_size))


def check_same(found: List[JsonObject], expected: List[JsonObject]) -> None:
    """All is the same, and scores are within what rounding does."""
    for ours, theirs in zip(found, expected, strict=True):
        for name in ("entities", "relations"):
            scores = [[each.pop("score") for each in line[name]] for line in (ours, theirs)]
            assert scores[0] == pytest.approx(scores[1], abs=1e-5)
        assert ours == theirs


OPTIONS: List[Dict[str, Any]] = [
    {},
    {"flat": False},
    # Down to a single entity in a document.
    {"min_score": 0.25},
    {"min_score": 0.3},
    {"min_relation_score": 0.4},
]


def test_the_same_answers_as_the_archive(archive: SEPTPredictor, related_model: Path) -> None:
    exported = ExportedPredictor(related_model)
    labels: Dict[str, int] = Counter()
    numbers = set()
    for options in OPTIONS:
        found, expected = predicted(exported, options), predicted(archive, options)
        for line in found:
            assert len(line["predicted_relations"]) == len(line["sentences"])
            assert line["symmetric_relation_labels"] == ["COMPARE", "CONJUNCTION"]
            numbers.add(len(line["entities"]))
            labels.update(relation["label"] for relation in line["relations"])
        assert len(found[-1]["gold_relations"]) == len(found[-1]["sentences"])
        check_same(found, expected)
    assert {0, 1, 2} < numbers and max(numbers) > 50
    assert sum(labels.values()) > 50 and len(labels) > 1


def test_the_same_soft_labels_as_the_archive(archive: SEPTPredictor, related_model: Path) -> None:
    options = {"soft_labels": 0.0, "soft_relations": 0.0}
    exported = ExportedPredictor(related_model)
    found, expected = predicted(exported, options)[:5], predicted(archive, options)[:5]
    num_pairs = 0
    for ours, theirs in zip(found, expected, strict=True):
        assert ours["soft_relation_labels"] == theirs["soft_relation_labels"]
        for pairs, same in zip(ours["soft_relations"], theirs["soft_relations"], strict=True):
            assert [pair[:4] for pair in pairs] == [pair[:4] for pair in same]
            num_pairs += len(pairs)
            for pair, other in zip(pairs, same):
                # They are rounded to four digits.
                assert pair[4] == pytest.approx(other[4], abs=2e-4)
    assert num_pairs > 100


def test_a_batch_without_entities(archive: SEPTPredictor, related_model: Path) -> None:
    options = {"min_score": 1.0}
    found = predicted(ExportedPredictor(related_model), options)
    assert [line["relations"] for line in found] == [[]] * len(LINES)
    assert found == predicted(archive, options)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_batch_has_no_influence(related_model: Path, engine: str) -> None:
    predictor = ExportedPredictor(related_model, engine=engine)
    check_same(predicted(predictor, {}, batch_size=32), predicted(predictor, {}, batch_size=1))


def test_parts_of_documents_give_the_same_answers(
    related_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = ExportedPredictor(related_model)
    expected = predicted(predictor, {})
    monkeypatch.setattr("sept_runtime.onnx.heads._MAX_ROWS", 7)
    check_same(predicted(predictor, {}), expected)


def test_threads_may_share_a_model(related_model: Path) -> None:
    model = sept_runtime.load(related_model, threads=1)
    assert model.finds_relations
    texts = ["", *(f"We train model {n} on {n % 7} documents." for n in range(40))]
    expected = list(model.annotate(texts, batch_size=1))
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda text: next(model.annotate([text])), texts))
    assert listed(found) == listed(expected)
    assert any(listed(found))


def listed(texts: List[AnnotatedText]) -> Any:
    return [[(r.head, r.label, r.tail, r.score) for r in text.relations] for text in texts]


def pair_scores(folder: Path, engine: str, precision: str = "float32") -> Any:
    """Return the scores of pairs of the same spans, independent of predicted entities."""
    predictor = ExportedPredictor(folder, 1, engine, precision)
    documents = [Document("", [text.split()]) for text in TEXTS]
    reference = ExportedPredictor(folder, 1)
    found = reference.predict_batch(documents, reference.decoding.changed(flat=False))
    scored = predictor.score_pairs(documents, [prediction.entities for prediction in found])
    return np.concatenate([each.probabilities for each in scored])


@needs_openvino
def test_the_engines_agree(related_model: Path) -> None:
    expected = pair_scores(related_model, "onnxruntime")
    assert expected.shape[0] > 100 and expected.shape[1:] == (2, 7)
    found = pair_scores(related_model, "openvino")
    np.testing.assert_allclose(found, expected, atol=1e-5)


@needs_bfloat16
def test_bfloat16_is_near(related_model: Path) -> None:
    expected = pair_scores(related_model, "onnxruntime")
    found = pair_scores(related_model, "openvino", "bfloat16")
    assert 1e-4 < np.abs(found - expected).max() < 0.03
