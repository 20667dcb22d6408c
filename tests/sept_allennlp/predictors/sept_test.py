import json
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.predictors import Predictor

from sept_allennlp.archives import ArchiveError, load_archive
from sept_allennlp.modules import bfloat16
from sept_allennlp.predictors import SEPTPredictor
from sept_runtime.inference.json_lines import predict_lines
from tests.experiments import FIXTURES

TEXT = "We use a parser (fast) for parsing. It works, e.g. on long documents of any kind!"


@pytest.fixture(scope="module")
def predictor(trained_archive: str) -> SEPTPredictor:
    return SEPTPredictor.from_path(trained_archive)


def found(output: Dict[str, Any]) -> List[Any]:
    return [(e["start"], e["end"], e["label"]) for e in output["entities"]]


def test_offsets_point_into_the_input(predictor: SEPTPredictor) -> None:
    output = predictor.predict_json({"id": 7, "text": TEXT, "title": "A title"})
    assert (output["id"], output["doc_key"], output["title"]) == (7, "7", "A title")
    assert output["text"] == TEXT
    assert output["entities"]
    words = [word for sentence in output["sentences"] for word in sentence]
    for entity in output["entities"]:
        assert TEXT[entity["start"] : entity["end"]] == entity["text"]
        assert 0.0 <= entity["score"] <= 1.0
        covered = words[entity["start_word"] : entity["end_word"] + 1]
        assert "".join(covered) == entity["text"].replace(" ", "")


def test_predicted_ner_is_the_entities_in_scierc_format(predictor: SEPTPredictor) -> None:
    output = predictor.predict_json({"text": TEXT})
    assert len(output["predicted_ner"]) == len(output["sentences"]) == 2
    assert sorted(span for sentence in output["predicted_ner"] for span in sentence) == sorted(
        [e["start_word"], e["end_word"], e["label"]] for e in output["entities"]
    )
    first = len(output["sentences"][0])
    assert all(end < first for _, end, _ in output["predicted_ner"][0])
    assert all(start >= first for start, _, _ in output["predicted_ner"][1])


def test_text_tokens_and_sentences_of_the_same_words_agree(predictor: SEPTPredictor) -> None:
    from_text = predictor.predict_json({"text": TEXT})
    sentences = from_text["sentences"]
    tokens = [word for sentence in sentences for word in sentence]
    for fields in ({"sentences": sentences}, {"tokens": tokens}):
        output = predictor.predict_json(fields)
        assert output["sentences"] == sentences
        assert output["predicted_ner"] == from_text["predicted_ner"]
        assert output["text"] == " ".join(tokens)
        for entity in output["entities"]:
            assert output["text"][entity["start"] : entity["end"]] == entity["text"]


def test_gold_is_repeated_and_does_not_matter(predictor: SEPTPredictor) -> None:
    sentences = [["we", "use", "parsers"]]
    plain = predictor.predict_json({"sentences": sentences})
    ner = [[[0, 0, "NoLabelOfTheModel"]]]
    with_gold = predictor.predict_json({"sentences": sentences, "ner": ner})
    assert with_gold.pop("ner") == ner
    assert with_gold == plain
    # Of a text nobody knows which words it speaks of.
    assert "ner" not in predictor.predict_json({"text": TEXT, "ner": ner})


@pytest.mark.parametrize(
    "fields, reason",
    [
        ([1], "expected a JSON object, found a list"),
        ({}, "none of the record's fields has a name known for texts: no fields"),
        ({"text": 3}, "'text' must be a string, found a number"),
        ({"text": " \n "}, "'text' is empty"),
        ({"tokens": []}, "'tokens' is empty"),
        ({"tokens": "we"}, "'tokens' must be a list of words, found a string"),
        ({"sentences": [["we", 1]]}, "word 1: expected a string, found a number"),
        ({"sentences": [["we"]], "ner": [[[0, 1, "Task"]]]}, "outside its sentence"),
        ({"text": "We.", "id": {}}, "'id' must be a string or number, found an object"),
        ({"text": "We.", "doc_key": {}}, "'doc_key' must be a string or number, found an object"),
        ({"text": "We.", "title": []}, "'title' must be a string, found a list"),
    ],
)
def test_an_input_that_cannot_be_used_yields_an_error(
    predictor: SEPTPredictor, fields: Any, reason: str
) -> None:
    good = {"text": TEXT}
    outputs = predictor.predict_batch_json([good, fields, good])
    assert reason in outputs[1]["error"]
    assert "entities" not in outputs[1]
    assert outputs[0] == outputs[2]
    assert outputs[0]["entities"]


@pytest.mark.parametrize(
    "text",
    [
        "\x00\x07 control \x1b[31m characters",
        "מודל שפה גדול מזהה ישויות .",
        "x" * 10_000,
        "half a \ud800 character",
        "zero\u200bwidth and ﬁ ligature β",
        " ".join(["word"] * 3000),
    ],
    ids=["control", "right-to-left", "long word", "surrogate", "unicode", "long document"],
)
def test_odd_text_is_predicted(predictor: SEPTPredictor, text: str) -> None:
    output = predictor.predict_json({"text": text})
    assert "error" not in output
    for entity in output["entities"]:
        assert text[entity["start"] : entity["end"]] == entity["text"]
    json.loads(predictor.dump_line(output))


def test_options(trained_archive: str, predictor: SEPTPredictor) -> None:
    plain = predictor.predict_json({"text": TEXT})
    scores = sorted(entity["score"] for entity in plain["entities"])
    limit = scores[len(scores) // 2]
    limited = load_with(trained_archive, min_score=limit).predict_json({"text": TEXT})
    assert found(limited) == [
        (e["start"], e["end"], e["label"]) for e in plain["entities"] if e["score"] >= limit
    ]
    flat = load_with(trained_archive, flat=True).predict_json({"text": TEXT})["entities"]
    assert 0 < len(flat) <= len(plain["entities"])
    assert all(a["end_word"] < b["start_word"] for a, b in zip(flat, flat[1:]))
    top = load_with(trained_archive, top_labels=3).predict_json({"text": TEXT})
    for entity in top["entities"]:
        assert len(entity["labels"]) == 3
        assert entity["labels"][0] == {"label": entity["label"], "score": entity["score"]}
    with pytest.raises(ConfigurationError, match="min_score must be a number between 0 and 1"):
        load_with(trained_archive, min_score=1.5)


def test_bfloat16(trained_archive: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Any processor can imitate the instructions.
    monkeypatch.setattr(bfloat16, "has_bfloat16", lambda device: True)
    archive = load_archive(trained_archive)
    options = {"precision": "bfloat16", "min_score": 0.0}
    rounding = Predictor.from_archive(archive, extra_args=options)
    layers: Dict[torch.dtype, List[str]] = {torch.float32: [], torch.bfloat16: []}
    for name, layer in archive.model.named_modules():
        if isinstance(layer, torch.nn.Linear):
            layer.register_forward_hook(
                lambda layer, args, output, name=name: layers[output.dtype].append(name)
            )
    output = rounding.predict_json({"text": TEXT})
    # The encoder's layers, and those alone.
    assert layers[torch.bfloat16] and layers[torch.float32]
    assert all("transformer_model" in name for name in layers[torch.bfloat16])
    assert not any("transformer_model" in name for name in layers[torch.float32])

    # The model is as it was.
    exact = Predictor.from_archive(archive, extra_args={"min_score": 0.0})
    expected = exact.predict_json({"text": TEXT})
    assert expected == load_with(trained_archive, min_score=0.0).predict_json({"text": TEXT})
    scores = {place: e["score"] for place, e in zip(found(expected), expected["entities"])}
    rounded = {place: e["score"] for place, e in zip(found(output), output["entities"])}
    common = scores.keys() & rounded.keys()
    assert len(common) > len(scores) / 2
    differences = [abs(scores[place] - rounded[place]) for place in common]
    assert 0 < max(differences) < 0.02


def test_soft_relations_need_a_model_that_finds_relations(trained_archive: str) -> None:
    with pytest.raises(ConfigurationError, match="soft_relations needs a model that finds rel"):
        load_with(trained_archive, soft_labels=0.1, soft_relations=0.1)


def test_unsupported_bfloat16_is_refused(
    trained_archive: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bfloat16, "has_bfloat16", lambda device: False)
    with pytest.raises(ConfigurationError, match="no instructions for bfloat16: leave it out"):
        load_with(trained_archive, precision="bfloat16")
    load_with(trained_archive, precision="float32")
    with pytest.raises(ConfigurationError, match="must be 'float32' or 'bfloat16', got 'int3'"):
        load_with(trained_archive, precision="int3")
    with pytest.raises(
        ConfigurationError, match="does not support the precision 'int8'; export it"
    ):
        load_with(trained_archive, precision="int8")


def test_batches_and_order_do_not_matter(predictor: SEPTPredictor) -> None:
    lines = [
        json.dumps({"id": n, "text": " ".join([TEXT] * (n % 7 + 1))}).encode() for n in range(40)
    ]
    alone = predict_lines(predictor, lines, predictor.decoding, batch_size=1)
    # 2 × 16 lines are read ahead, so that the 40 lines take two blocks.
    together = list(predict_lines(predictor, lines, predictor.decoding, batch_size=2))
    assert [output["id"] for output in together] == list(range(40))
    for one, other in zip(alone, together):
        assert one["predicted_ner"] == other["predicted_ner"]
        scores = [entity["score"] for entity in other["entities"]]
        assert [entity["score"] for entity in one["entities"]] == pytest.approx(scores, abs=1e-5)


# So many words are as many as a CPU is given at once.
@pytest.mark.parametrize("threads, limit", [(1, 1024), (2, 2048)])
def test_a_long_document_does_not_pad_its_neighbors(
    predictor: SEPTPredictor, threads: int, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: List[Any] = []
    predict = predictor._model.predict

    def record(text: Any, sentence_ids: torch.Tensor, decoding: Any) -> Any:
        seen.append(tuple(sentence_ids.size()))
        return predict(text, sentence_ids, decoding)

    monkeypatch.setattr(predictor._model, "predict", record)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    half = limit // 2
    lengths = [half - 100, 5000, half - 1, half + 1]
    outputs = predictor.predict_batch_json([{"id": n, "tokens": ["we"] * n} for n in lengths])
    assert [output["id"] for output in outputs] == lengths
    assert seen == [(2, half - 1), (1, half + 1), (1, 5000)]


def test_two_predictors_of_one_model_do_not_disturb_each_other(trained_archive: str) -> None:
    archive = load_archive(trained_archive)
    options: List[Dict[str, Any]] = [
        {},
        {"min_score": 1.0},
        {"flat": True, "min_score": 0.2},
        {"flat": False, "top_labels": 2},
    ]
    predictors = [Predictor.from_archive(archive, extra_args=given) for given in options]
    lines = [json.dumps({"text": text}).encode() for text in (TEXT, TEXT[16:], TEXT[:35])]

    def predicted(predictor: Predictor) -> Iterator[Dict[str, Any]]:
        return predict_lines(predictor, lines, predictor.decoding, batch_size=1)

    alone = [list(predicted(predictor)) for predictor in predictors]
    assert len({json.dumps(outputs) for outputs in alone}) == len(options)
    # Line by line in turns.
    in_turns = zip(*map(predicted, predictors))
    assert [list(outputs) for outputs in zip(*in_turns)] == alone


def test_prediction_leaves_the_models_metrics_alone(trained_archive: str) -> None:
    archive = load_archive(trained_archive)
    predictor = Predictor.from_archive(archive)
    reader = archive.validation_dataset_reader
    instances = list(reader.read(FIXTURES / "abstracts" / "dev.json"))
    assert all(instance["metadata"]["document"].entities for instance in instances)
    assert len(predictor.predict_batch_instance(instances)) == len(instances)
    assert archive.model.get_metrics()["recall"] == 0.0
    archive.model.forward_on_instances(instances)
    assert archive.model.get_metrics()["recall"] > 0.0


def test_from_path_loads_with_the_checks(trained_archive: str, tmp_path: Path) -> None:
    predictor = SEPTPredictor.from_path(trained_archive, overrides='{"model.max_span_width": 1}')
    entities = predictor.predict_json({"text": TEXT})["entities"]
    assert entities and all(entity["start_word"] == entity["end_word"] for entity in entities)
    assert SEPTPredictor.from_path(trained_archive, min_score=0.3).decoding.min_score == 0.3
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(b"no archive")
    with pytest.raises(ArchiveError, match="not a model archive"):
        SEPTPredictor.from_path(archive)


def test_from_path_takes_models_of_spans_alone(filter_archive: str) -> None:
    with pytest.raises(
        ArchiveError, match="expected a model that predicts entities, found SpanFilterModel"
    ):
        SEPTPredictor.from_path(filter_archive)


def load_with(archive: str, **options: Any) -> Predictor:
    return Predictor.from_archive(load_archive(archive), extra_args=options)
