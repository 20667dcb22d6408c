import json
import math
from pathlib import Path
from typing import Any, Dict

import pytest
import torch
from allennlp.commands.train import train_model
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.models import Model

from sept_allennlp.archives import load_archive
from sept_allennlp.models.span_filter import SpanFilterModel
from sept_runtime.documents import AnnotatedSpan, Document
from tests.experiments import FIXTURES, experiment
from tests.sept_allennlp.models.checks import ModelChecks, tensors


class TestSpanFilterModel(ModelChecks):
    # The table is not trained; the thresholds are no parameters.
    config = "span_filter_light.jsonnet"


def words_filter(**model: Any) -> SpanFilterModel:
    """Return a filter over word embeddings in which wider spans are less likely."""
    vocab = Vocabulary(
        tokens_to_add={"labels": ["Method", "Task"], "tokens": ["we", "use", "parsers"]},
        non_padded_namespaces=["labels"],
    )
    params = {
        "type": "span_filter",
        "text_field_embedder": {
            "token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 4}}
        },
        "scorer": {"type": "start_end_width", "hidden_dim": 4},
        "max_span_width": 2,
        "threshold": 0.5,
        **model,
    }
    model = Model.from_params(Params(params), vocab=vocab)
    scorer = model._scorer
    for layer in (scorer._start, scorer._end):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    # One word: 3 : 1 for an entity; two words: 1 : 4 against it.
    scorer._width.data = torch.tensor([3.0, 1 / 4]).log()
    return model.eval()


# Candidates of one word: 5, of two: 2 + 1. The entity of three words is not a candidate.
DOCUMENT = Document(
    key="d",
    sentences=[["we", "use", "parsers"], ["we", "parsers"]],
    entities=[
        AnnotatedSpan(2, 2, "Method"),
        AnnotatedSpan(3, 4, "Task"),
        AnnotatedSpan(0, 2, "Task"),
    ],
)


def test_loss_and_probabilities_by_hand() -> None:
    model = words_filter()
    unannotated = Document(key="e", sentences=[["we", "use"]])
    outputs = model(**tensors(model, DOCUMENT, unannotated))
    one, two = 3 / 4, 1 / 5
    # In the order of starts, then widths.
    expected = [one, two, one, two, one, one, two, one]
    assert outputs["probabilities"][0].tolist() == pytest.approx(expected)
    assert outputs["probabilities"][1].tolist() == pytest.approx([one, two, one])
    # Of one word: one entity and four others; of two: one entity and two others.
    likelihoods = [one] + 4 * [1 - one] + [two] + 2 * [1 - two]
    expected_loss = -sum(math.log(p) for p in likelihoods) / 8
    assert outputs["loss"].item() == pytest.approx(expected_loss)


@pytest.mark.parametrize(
    "threshold, recall, filtration_rate",
    [
        (0, 2 / 3, 0.0),
        (0.2 - 1e-6, 2 / 3, 0.0),
        (0.21, 1 / 3, 2 / 6),
        (0.76, 0.0, 1.0),
        (1.0, 0.0, 1.0),
        ({"recall": 0.5}, 2 / 3, 0.0),
        ({"recall": 0.3}, 1 / 3, 2 / 6),
    ],
)
def test_metrics_by_hand(threshold: Any, recall: float, filtration_rate: float) -> None:
    model = words_filter(threshold=threshold)
    model(**tensors(model, DOCUMENT))
    metrics = model.get_metrics(reset=True)
    assert metrics["recall"] == pytest.approx(recall)
    assert metrics["filtration_rate"] == pytest.approx(filtration_rate)
    # No threshold gives a recall of 99%.
    assert metrics["filtration_rate_at_99_recall"] == 0.0


@pytest.mark.parametrize("threshold", [-0.1, 1.5, {"recall": 2}, {"recal": 0.5}])
def test_an_invalid_threshold_is_refused(threshold: Any) -> None:
    with pytest.raises(ConfigurationError, match="threshold must"):
        words_filter(threshold=threshold)


def test_a_span_limit_below_one_word_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="max_span_width must be at least 1, got 0"):
        words_filter(max_span_width=0)


def test_training_on_a_document_that_is_not_annotated_is_refused() -> None:
    model = words_filter().train()
    document = Document(key="d", sentences=[["we"]], origin="f.json, line 3")
    with pytest.raises(ConfigurationError, match="f.json, line 3: document 'd'.*without 'ner'"):
        model(**tensors(model, document))


@pytest.mark.parametrize("option", ["relations", "soft_labels"])
def test_soft_labels_and_relations_are_refused(option: str) -> None:
    model = words_filter()
    with pytest.raises(ConfigurationError, match=f"set dataset_reader.{option} to false"):
        model(**tensors(model, DOCUMENT, **{option: True}))


def test_empty_documents() -> None:
    model = words_filter()
    outputs = model(**tensors(model, Document(key="", sentences=[], entities=[])))
    assert outputs["loss"].item() == 0.0
    assert outputs["probabilities"][0].tolist() == []


@pytest.mark.trains
@pytest.mark.parametrize("config", ["span_filter.jsonnet", "span_filter_light.jsonnet"])
def test_the_threshold_of_a_recall_is_found_when_training_ends(config: str, tmp_path: Path) -> None:
    overrides: Dict[str, Any] = {"trainer.num_epochs": 3, "model.threshold": {"recall": 0.7}}
    run = tmp_path / "run"
    train_model(experiment(overrides, config=config), str(run))
    metrics = json.loads((run / "metrics.json").read_text())
    assert 0.7 <= metrics["best_validation_recall"] < 0.8
    assert metrics["best_validation_filtration_rate"] > 0

    # Elsewhere the same threshold, which need not have the same recall.
    loaded = load_archive(run / "model.tar.gz")
    model, reader = loaded.model.eval(), loaded.validation_dataset_reader
    for path, same in (("dev.json", True), ("test.json", False)):
        instances = list(reader.read(str(FIXTURES / "abstracts" / path)))
        for instance in instances:
            model.forward_on_instance(instance)
        at_threshold = model.get_metrics(reset=True)
        assert (at_threshold["recall"] == metrics["best_validation_recall"]) == same
    # A threshold for any other recall is known, too.
    archived = model.threshold_logit()
    model.set_threshold({"recall": 0.9})
    assert model.threshold_logit() < archived


def test_a_recall_is_no_threshold_before_training_has_ended() -> None:
    with pytest.raises(ConfigurationError, match="finds it when the filter's training ends"):
        words_filter(threshold={"recall": 0.5}).threshold_logit()


def test_the_callback_accepts_only_filters(tmp_path: Path) -> None:
    params = experiment({"trainer.callbacks": ["calibrate_threshold"]})
    with pytest.raises(ConfigurationError, match="for models of type 'span_filter'"):
        train_model(params, str(tmp_path / "run"))
