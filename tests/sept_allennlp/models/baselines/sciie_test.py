from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy
import pytest
import torch
from allennlp.commands.train import train_model
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import Batch, DatasetReader, Vocabulary
from allennlp.models import Model
from allennlp.predictors import Predictor

from sept_allennlp.archives import load_archive
from sept_allennlp.models.baselines.sciie import keep_best
from sept_runtime.documents import AnnotatedSpan, Document
from tests.experiments import FIXTURES, QUICK, experiment
from tests.sept_allennlp.models.checks import (
    EntityModelChecks,
    assert_chunks_change_nothing,
    tensors,
)

LABELS = ["Method", "Task"]


class TestSciIE(EntityModelChecks):
    config = "sciie_scibert.jsonnet"

    def make_sure(self) -> None:
        self.model._ner_output.bias.data[0] += 1.0


def words_model(**model: Any) -> Model:
    """Return a SciIE over word embeddings with a vocabulary of two labels."""
    vocab = Vocabulary(
        tokens_to_add={"labels": LABELS, "tokens": ["we", "use", "parsers"]},
        non_padded_namespaces=["labels"],
    )
    feedforward = {"num_layers": 1, "hidden_dims": 5, "activations": "relu"}
    params = {
        "type": "sciie",
        "text_field_embedder": {
            "token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 4}}
        },
        "context_layer": {"type": "lstm", "hidden_size": 3, "bidirectional": True},
        "span_extractor": {
            "type": "concat",
            "extractors": [{"type": "endpoint"}, {"type": "span_width", "embedding_dim": 2}],
        },
        "head_extractor": {"type": "self_attentive_sum"},
        "mention_feedforward": feedforward,
        "ner_feedforward": feedforward,
        **model,
    }
    return Model.from_params(Params(params), vocab=vocab)


# The scores of handmade_model: of a word for being a mention, and of every span for each label.
MENTION = {"use": 1.0, "parsers": 3.0, "we": -2.0}
LABEL_SCORES = {"Method": 0.5, "Task": -0.5}


def handmade_model(**model: Any) -> Model:
    """
    Return a SciIE with known scores: a span's mention score is the sum of `MENTION` of its first
    and last word, and its label scores are `LABEL_SCORES`.
    """
    pass_on = {"num_layers": 1, "hidden_dims": 2, "activations": "linear"}
    built = words_model(
        text_field_embedder={
            "token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 1}}
        },
        context_layer={"type": "pass_through"},
        span_extractor={"type": "endpoint", "combination": "x,y"},
        head_extractor=None,
        mention_feedforward=pass_on,
        ner_feedforward=pass_on,
        **model,
    )
    with torch.no_grad():
        weight = built._embedder.token_embedder_tokens.weight
        for word, score in MENTION.items():
            weight[built.vocab.get_token_index(word, "tokens")] = score
        linear = built._mention_feedforward._linear_layers[0]
        linear.weight.copy_(torch.eye(2))
        linear.bias.zero_()
        built._mention_output.weight.fill_(1.0)
        built._mention_output.bias.zero_()
        built._ner_output.weight.zero_()
        for label, score in LABEL_SCORES.items():
            built._ner_output.bias[built.vocab.get_token_index(label, "labels")] = score
    return built.eval()


# Mention scores: "we" -4, "we use" -1, "we use parsers" 1, "use" 2, "use parsers" 4, "parsers" 6;
# "we" -4, "we parsers" 1, "parsers" 6.
DOCUMENT = Document(
    key="d",
    sentences=[["we", "use", "parsers"], ["we", "parsers"]],
    entities=[AnnotatedSpan(2, 2, "Method"), AnnotatedSpan(3, 4, "Task")],
)


def probabilities(mention_score: float) -> Tuple[float, float, float]:
    """Return the probabilities of no entity, Method and Task."""
    exponentials = numpy.exp(
        [0.0, mention_score + LABEL_SCORES["Method"], mention_score + LABEL_SCORES["Task"]]
    )
    return tuple(exponentials / exponentials.sum())


def test_the_best_spans_are_kept_and_scored_by_the_sum() -> None:
    # 0.6 × 5 words: three spans are kept.
    model = handmade_model(spans_per_word=0.6)
    outputs = model(**tensors(model, DOCUMENT))
    assert [entity[:3] for entity in outputs["entities"][0]] == [
        (1, 2, "Method"),
        (2, 2, "Method"),
        (4, 4, "Method"),
    ]
    assert [entity.score for entity in outputs["entities"][0]] == pytest.approx(
        [probabilities(4)[1], probabilities(6)[1], probabilities(6)[1]]
    )
    # "parsers" of the first sentence is right, the other two are no entities; the likelihood
    # excludes the pruned Task.
    expected = -numpy.log([probabilities(6)[1], probabilities(4)[0], probabilities(6)[0]]).sum()
    assert outputs["loss"].item() == pytest.approx(expected, rel=1e-5)
    # But it counts as missed.
    metrics = model.get_metrics(reset=True)
    assert metrics["precision"] == pytest.approx(1 / 3)
    assert metrics["recall"] == pytest.approx(1 / 2)
    assert metrics["recall-Task"] == 0.0


@pytest.mark.parametrize("keep_gold", [True, False])
def test_in_training_the_likelihood_may_count_pruned_entities(keep_gold: bool) -> None:
    model = handmade_model(spans_per_word=0.6, keep_gold=keep_gold, lexical_dropout=0.0).train()
    terms = [probabilities(6)[1], probabilities(4)[0], probabilities(6)[0]]
    if keep_gold:
        # The Task, whose mention score is only the fifth best.
        terms.append(probabilities(1)[2])
    loss = model(**tensors(model, DOCUMENT))["loss"].item()
    assert loss == pytest.approx(-numpy.log(terms).sum(), rel=1e-5)


def test_an_entity_needs_a_score_above_that_of_no_entity() -> None:
    # All nine spans are kept; those with a mention score of 1 and more are entities.
    model = handmade_model(spans_per_word=10.0)
    outputs = model(**tensors(model, DOCUMENT))
    assert [entity[:2] for entity in outputs["entities"][0]] == [
        (0, 2),
        (1, 1),
        (1, 2),
        (2, 2),
        (3, 4),
        (4, 4),
    ]
    nothing = [-4, -1, 1, 2, 4, -4, 6]
    expected = -sum(numpy.log(probabilities(score)[0]) for score in nothing)
    expected -= numpy.log(probabilities(6)[1]) + numpy.log(probabilities(1)[2])
    assert outputs["loss"].item() == pytest.approx(expected, rel=1e-5)


def test_the_loss_is_the_mean_over_annotated_documents_that_have_words() -> None:
    model = handmade_model(spans_per_word=0.4)
    other = Document(key="e", sentences=[["use"]], entities=[])
    unannotated = Document(key="f", sentences=[["parsers", "use"]])
    empty = Document(key="", sentences=[], entities=[])
    outputs = model(**tensors(model, DOCUMENT, other, unannotated, empty))
    # Of the first document both "parsers" are kept, of each of the next two the best span.
    first = -numpy.log([probabilities(6)[1], probabilities(6)[0]]).sum()
    second = -numpy.log(probabilities(2)[0])
    assert outputs["loss"].item() == pytest.approx((first + second) / 2, rel=1e-5)
    assert [len(entities) for entities in outputs["entities"]] == [2, 1, 1, 0]


@pytest.mark.parametrize(
    ("num_words", "expected"), [(1, 1), (2, 1), (4, 1), (5, 2), (7, 2), (8, 3), (10, 4), (35, 14)]
)
@pytest.mark.parametrize("training", [False, True])
def test_four_spans_are_kept_for_ten_words(num_words: int, expected: int, training: bool) -> None:
    model = handmade_model(spans_per_word=0.4, max_span_width=2).train(training)
    one = Document(key="d", sentences=[["parsers"] * num_words], entities=[])
    padding = Document(key="e", sentences=[["parsers"] * 40], entities=[])
    batch = tensors(model, one, padding)
    scores = model.score_spans(batch["text"], batch["sentence_ids"], batch["gold"])
    assert scores.mask.sum(dim=1).tolist() == [expected, 16]
    assert (scores.spans[scores.mask] >= 0).all()
    assert scores.logits.size() == (expected + 16, 3)


def test_keep_best_keeps_the_best_of_each_document() -> None:
    mask = torch.tensor([[True] * 4, [True, True, False, False], [False] * 4])
    scores = torch.tensor([0.5, -1.0, 2.0, 1.0, -3.0, -2.0])
    assert keep_best(scores, mask, torch.tensor([2, 1, 3])).tolist() == [
        [False, False, True, True],
        [False, True, False, False],
        [False] * 4,
    ]
    # At least one, and no more than there are.
    assert keep_best(scores, mask, torch.tensor([0, 9, 0])).tolist() == [
        [False, False, True, False],
        [True, True, False, False],
        [False] * 4,
    ]


def test_both_scorers_learn() -> None:
    model = words_model().train()
    model(**tensors(model, DOCUMENT))["loss"].backward()
    without = [name for name, p in model.named_parameters() if p.grad is None]
    assert without == []
    assert model._mention_output.bias.grad.abs().item() > 0
    assert model._ner_output.bias.grad.abs().sum().item() > 0


def test_empty_documents_have_no_loss_and_no_entities() -> None:
    model = words_model()
    empty = Document(key="", sentences=[], entities=[])
    model.train()
    loss = model(**tensors(model, empty, empty))["loss"]
    assert loss.item() == 0.0
    loss.backward()
    assert all(p.grad is not None for p in model.parameters())
    model.eval()
    assert model(**tensors(model, empty))["entities"] == [[]]
    model = handmade_model()
    together = model(**tensors(model, empty, DOCUMENT))["entities"]
    assert together == [[], model(**tensors(model, DOCUMENT))["entities"][0]]


def test_a_document_that_is_not_annotated_is_refused_in_training_only() -> None:
    model = words_model()
    document = Document(key="d", sentences=[["we"]], origin="f.json, line 3")
    model.eval()
    assert "loss" not in model(**tensors(model, document))
    model.train()
    with pytest.raises(ConfigurationError, match="f.json, line 3: document 'd'.*without 'ner'"):
        model(**tensors(model, document))


def test_relations_are_refused() -> None:
    model = words_model()
    with pytest.raises(
        ConfigurationError, match="finds no relations: set dataset_reader.relations"
    ):
        model(**tensors(model, DOCUMENT, relations=True))


def test_chunks_of_spans_change_nothing() -> None:
    torch.manual_seed(1)
    model = words_model(spans_per_word=2.0).eval()
    batch = tensors(model, DOCUMENT, Document(key="e", sentences=[["use", "parsers"]]))
    model._ner_output.bias.data += 1.0
    assert_chunks_change_nothing(model, batch)


@pytest.mark.parametrize(
    "parts",
    [
        {"context_layer": {"type": "lstm", "input_size": 4, "hidden_size": 3}},
        {"context_layer": {"type": "gru", "hidden_size": 3}},
        {"context_layer": {"type": "pass_through"}},
        {"head_extractor": {"type": "max_pool", "input_dim": 4}},
        {"head_extractor": None},
        {"span_extractor": {"type": "self_attentive"}},
    ],
    ids=str,
)
def test_other_parts_drop_in(parts: Dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    model = words_model(**parts).train()
    assert "found in both" not in caplog.text
    model(**tensors(model, DOCUMENT))["loss"].backward()
    assert model._mention_output.bias.grad.abs().item() > 0


def test_word_pieces_that_are_not_pooled_are_refused() -> None:
    params = experiment(
        {"model.text_field_embedder.token_embedders.tokens.type": "word_pieces"},
        config="sciie_scibert.jsonnet",
    )
    instances, vocab = read(params)
    model = Model.from_params(params.pop("model"), vocab=vocab)
    with pytest.raises(ConfigurationError, match="one vector a word.*'pooled_word_pieces'"):
        model(**Batch(instances).as_tensor_dict())


def read(params: Params) -> Tuple[List[Any], Vocabulary]:
    reader = DatasetReader.from_params(params.pop("dataset_reader"))
    instances = list(reader.read(str(FIXTURES / "abstracts" / "dev.json")))
    vocab = Vocabulary.from_instances(instances)
    for instance in instances:
        instance.index_fields(vocab)
    return instances, vocab


def test_invalid_settings_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="max_span_width must be at least 1"):
        words_model(max_span_width=0)
    with pytest.raises(ConfigurationError, match="spans_per_word must be positive"):
        words_model(spans_per_word=0.0)


@pytest.mark.trains
def test_an_archive_predicts_as_one_of_sept_does(tmp_path: Path) -> None:
    params = experiment(QUICK, config="sciie_scibert.jsonnet")
    train_model(params, str(tmp_path / "run"))
    archive = load_archive(tmp_path / "run" / "model.tar.gz")
    archive.model._ner_output.bias.data += 5.0
    predictor = Predictor.from_archive(archive)
    inputs = {"text": "We use a parser. It parses."}
    output, failed = predictor.predict_batch_json([inputs, {"text": ""}])
    # Eight words with the full stops.
    assert len(output["entities"]) == 3
    for entity in output["entities"]:
        assert output["text"][entity["start"] : entity["end"]] == entity["text"]
    assert "error" in failed
    sure = Predictor.from_archive(archive, extra_args={"min_score": 1.0})
    assert sure.predict_json(inputs)["entities"] == []
