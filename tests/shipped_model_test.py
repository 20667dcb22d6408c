"""The trained model in `models/`: the package and the archive."""

import json
from pathlib import Path
from typing import Any, Dict, List, Set, Tuple

import pytest

import sept_runtime
from sept_runtime.models import find_model, key_figures
from sept_runtime.onnx.folder import read_folder

REPOSITORY = Path(__file__).parents[1]
MODEL = REPOSITORY / "models" / "scierc" / "sept_model_scierc" / "model"
ARCHIVE = REPOSITORY / "models" / "scierc.tar.gz"
ABSTRACTS = REPOSITORY / "fixtures" / "raw_abstracts.jsonl"
# `sept predict fixtures/raw_abstracts.jsonl` with the packaged model.
PREDICTED = REPOSITORY / "fixtures" / "predicted_by_scierc.jsonl"


def lines(path: Path) -> List[Dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def entities(output: Dict[str, Any]) -> Set[Tuple[int, int, str]]:
    return {(entity["start"], entity["end"], entity["label"]) for entity in output["entities"]}


def relations(output: Dict[str, Any]) -> Set[Tuple[int, int, str]]:
    return {(each["head"], each["tail"], each["label"]) for each in output["relations"]}


def test_the_packaged_model_finds_the_stored_entities_and_relations() -> None:
    model = sept_runtime.load(find_model(str(MODEL)))
    stored = lines(PREDICTED)
    found = list(model.annotate([line["text"] for line in lines(ABSTRACTS)]))
    assert len(found) == len(stored) == 8
    for document, expected in zip(found, stored):
        assert entities(document.to_dict()) == entities(expected)
        assert relations(document.to_dict()) == relations(expected)
    assert sum(len(output["entities"]) for output in stored) > 100
    assert sum(len(output["relations"]) for output in stored) == 25


def test_the_card_has_scores_of_entities_and_relations() -> None:
    card = (MODEL / "README.md").read_text(encoding="utf-8")
    names = [row.split("|")[1].strip() for row in key_figures(card)[2:]]
    assert names == ["entities", "relations (Rel)", "relations (Rel+)"]
    assert (MODEL / "reliability.png").is_file()


def test_scores_are_calibrated() -> None:
    configuration = read_folder(MODEL)
    assert configuration.calibration.gold == 811  # Entities of SciERC's dev split.
    assert configuration.calibration.bias < 0 < configuration.calibration.temperature


def test_the_archive_predicts_as_the_packaged_model(tmp_path: Path) -> None:
    # The training half takes long to import.
    pytest.importorskip("allennlp")
    from sept_allennlp.predictors import SEPTPredictor

    predictor = SEPTPredictor.from_path(str(ARCHIVE))
    found = predictor.predict_batch_json(lines(ABSTRACTS))
    stored = lines(PREDICTED)
    same = sum(len(entities(a) & entities(b)) for a, b in zip(found, stored, strict=True))
    # The package has its word embeddings in int8, the archive in float16.
    assert same >= 0.97 * sum(map(len, map(entities, stored)))
