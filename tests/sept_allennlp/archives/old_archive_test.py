"""An archive that was made before the package was two, under the names and keys of then."""

import json
from itertools import islice

import pytest
from allennlp.commands.evaluate import evaluate_from_archive

import sept_allennlp
from sept_allennlp.archives import load_archive
from tests.experiments import FIXTURES

ARCHIVE = FIXTURES / "old_archive" / "model.tar.gz"


def test_an_old_key_is_read_and_its_new_name_told() -> None:
    with pytest.warns(
        FutureWarning, match="'spans_at_once' of SEPT is called 'max_spans_per_chunk'"
    ):
        archive = load_archive(ARCHIVE)
    assert archive.config["model"]["spans_at_once"] == 512
    # As many as the archive says are represented at once.
    represented = []
    archive.model._span_extractor.register_forward_pre_hook(
        lambda module, inputs: represented.append(inputs[1].size(1))
    )
    text = {"text": "We train a parser on many abstracts. " * 30}
    sept_allennlp.predictors.SEPTPredictor.from_archive(archive).predict_json(text)
    assert len(represented) > 1
    assert max(represented) == 512


@pytest.mark.filterwarnings("ignore:the key 'spans_at_once'")
def test_it_predicts_the_same() -> None:
    lines = (FIXTURES / "old_archive" / "predictions.jsonl").read_text().splitlines()
    expected = {line["id"]: line["entities"] for line in map(json.loads, lines)}
    predictor = sept_allennlp.predictors.SEPTPredictor.from_archive(load_archive(ARCHIVE))
    for abstract in islice(map(json.loads, open(FIXTURES / "raw_abstracts.jsonl")), len(expected)):
        found = [
            [entity["start_word"], entity["end_word"], entity["label"], entity["score"]]
            for entity in predictor.predict_json(abstract)["entities"]
        ]
        wanted = expected[abstract["id"]]
        assert len(wanted) > 50
        assert [entity[:3] for entity in found] == [entity[:3] for entity in wanted]
        assert [entity[3] for entity in found] == pytest.approx(
            [entity[3] for entity in wanted], abs=1e-5
        )


@pytest.mark.filterwarnings("ignore:the key 'spans_at_once'")
def test_it_evaluates_the_same() -> None:
    expected = json.loads((FIXTURES / "old_archive" / "evaluation.json").read_text())
    metrics = evaluate_from_archive(ARCHIVE, str(FIXTURES / "abstracts" / "test.json"))
    assert expected["f1"] > 0
    assert metrics == pytest.approx(expected, rel=1e-5)
