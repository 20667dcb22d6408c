import json
from typing import Any, Dict, List

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.predictors import Predictor

from sept_allennlp.archives import load_archive
from sept_allennlp.predictors import SEPTPredictor
from sept_allennlp.predictors.sept import Request

TEXT = "We use a parser (fast) for parsing. It works, e.g. on long documents of any kind!"


@pytest.fixture(scope="module")
def predictor(trained_archive: str) -> SEPTPredictor:
    predictor = Predictor.from_path(trained_archive)
    assert isinstance(predictor, SEPTPredictor)
    return predictor


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
        ({}, "none of the keys sentences, tokens, text"),
        ({"text": 3}, "'text' must be a string, found a number"),
        ({"text": " \n "}, "'text' is empty"),
        ({"tokens": []}, "'tokens' is empty"),
        ({"tokens": "we"}, "'tokens' must be a list of words, found a string"),
        ({"sentences": [["we", 1]]}, "word 1: expected a string, found a number"),
        ({"sentences": [["we"]], "ner": [[[0, 1, "Task"]]]}, "outside its sentence"),
        ({"text": "We.", "id": {}}, "'id' must be a string or number, found an object"),
        ({"text": "We.", "doc_key": 3}, "'doc_key' must be a string, found a number"),
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
    with pytest.raises(ConfigurationError, match="min_score must lie between 0 and 1"):
        load_with(trained_archive, min_score=1.5)


@pytest.mark.parametrize(
    "lengths, batches",
    [
        ([5, 20_000, 7, 6], [[5, 6, 7], [20_000]]),
        # 2,048 words are as many as a CPU is given at once.
        ([900, 1024, 1023, 1025], [[900, 1023], [1024], [1025]]),
    ],
)
def test_a_long_document_does_not_pad_its_neighbours(
    predictor: SEPTPredictor,
    monkeypatch: pytest.MonkeyPatch,
    lengths: List[int],
    batches: List[List[int]],
) -> None:
    seen: List[List[int]] = []
    forward = predictor._model.forward_on_instances

    def record(instances: List[Any]) -> Any:
        seen.append([len(instance["sentence_ids"].tensor) for instance in instances])
        return forward(instances)

    monkeypatch.setattr(predictor._model, "forward_on_instances", record)
    requests = [Request.from_json({"id": n, "tokens": ["we"] * n}) for n in lengths]
    outputs = list(predictor.annotate(requests, batch_size=3))
    assert [output["id"] for output in outputs] == lengths
    assert seen == batches


def test_two_predictors_of_one_model_keep_their_options(trained_archive: str) -> None:
    archive = load_archive(trained_archive)
    strict = Predictor.from_archive(archive, extra_args={"min_score": 1.0})
    plain = Predictor.from_archive(archive)
    assert strict.predict_json({"text": TEXT})["entities"] == []
    assert plain.predict_json({"text": TEXT})["entities"]
    assert strict.predict_json({"text": TEXT})["entities"] == []


def load_with(archive: str, **options: Any) -> Predictor:
    return Predictor.from_archive(load_archive(archive), extra_args=options)
