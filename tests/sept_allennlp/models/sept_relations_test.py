"""SEPT with a part for relations."""

import json
import math
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest
import torch
from allennlp.commands.train import train_model
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import Batch, Vocabulary
from allennlp.models import Model

from sept_allennlp.archives import load_archive
from sept_allennlp.data.dataset_readers import SciERCReader
from sept_allennlp.experiments.counts import count_run
from sept_allennlp.models.relation_classifier import top_scoring_errors
from sept_allennlp.models.span_classifier import SpanScores
from sept_allennlp.predictors import SEPTPredictor
from sept_allennlp.training.callbacks.keep_predictions import PREDICTIONS
from sept_runtime.calibration import THRESHOLD_STEPS, Calibration
from sept_runtime.documents import AnnotatedRelation, AnnotatedSpan, Document, ScoredSpan
from sept_runtime.formats.predictions import read_predictions
from sept_runtime.options import Decoding
from tests.experiments import FIXTURES, experiment
from tests.sept_allennlp.models.checks import EntityModelChecks

CONFIG = "sept_minilm_relations.jsonnet"
LABELS = ["Method", "Task"]
RELATION_LABELS = ["USED-FOR", "COMPARE"]
WORDS = ["we", "use", "parsers", "for", "parsing", "and", "taggers"]

# Three entities in the first sentence, two in the second.
DOCUMENT = Document(
    key="d",
    sentences=[["we", "use", "parsers", "and", "taggers", "for", "parsing"], ["parsers", "we"]],
    entities=[
        AnnotatedSpan(2, 2, "Method"),
        AnnotatedSpan(4, 4, "Method"),
        AnnotatedSpan(6, 6, "Task"),
        AnnotatedSpan(7, 7, "Method"),
        AnnotatedSpan(8, 8, "Task"),
    ],
    relations=[
        AnnotatedRelation((2, 2), (6, 6), "USED-FOR"),
        AnnotatedRelation((4, 4), (6, 6), "USED-FOR"),
        AnnotatedRelation((2, 2), (4, 4), "COMPARE"),
        # Between sentences: never found, and counts as missed.
        AnnotatedRelation((2, 2), (8, 8), "USED-FOR"),
    ],
)
OTHER = Document("e", [["we", "use"]], [AnnotatedSpan(0, 0, "Task")], relations=[])


class TestSEPTWithRelations(EntityModelChecks):
    config = CONFIG
    # Before it is trained, two words of five would make pairs with one another.
    overrides = {"model.relations.max_entities_per_word": 0.1}

    def make_sure(self) -> None:
        # Rather nothing than almost everything, so that there are not too many pairs.
        with torch.no_grad():
            self.model._output.bias[0] += 0.3
            self.model._relations._scorer._output.bias.fill_(0.0)

    def test_batch_and_single_relations_agree(self) -> None:
        self.model.eval()
        self.make_sure()
        together = self.model(**Batch(self.instances).as_tensor_dict())["relations"]
        assert any(together)
        for instance, relations in zip(self.instances, together):
            (alone,) = self.model(**Batch([instance]).as_tensor_dict())["relations"]
            assert [r[:3] for r in alone] == [r[:3] for r in relations]
            scores = [r.score for r in relations]
            assert [r.score for r in alone] == pytest.approx(scores, abs=1e-5)


def joint_model(
    relations: Optional[Dict[str, Any]] = None,
    vocab: Optional[Vocabulary] = None,
    alone: bool = False,
    **model: Any,
) -> Model:
    """Return a SEPT over embeddings of words; with `alone`, without the part for relations."""
    vocab = vocab or Vocabulary(
        tokens_to_add={"labels": LABELS, "relation_labels": RELATION_LABELS, "tokens": WORDS},
        non_padded_namespaces=["labels", "relation_labels"],
    )
    params = {
        "type": "sept",
        "text_field_embedder": {
            "token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 6}}
        },
        "span_extractor": {"type": "max_pool"},
        "feedforward": {"num_layers": 1, "hidden_dims": 5, "activations": "relu"},
        "embedding_dropout": 0.0,
        "relations": {
            "symmetric_labels": ["COMPARE"],
            "max_entities_per_word": 1.0,
            **(relations or {}),
        },
        **model,
    }
    if alone:
        del params["relations"]
    return Model.from_params(Params(params), vocab=vocab)


def tensors(model: Model, *documents: Document, relations: bool = True) -> Dict[str, Any]:
    reader = SciERCReader(relations=relations)
    instances = [reader.text_to_instance(document) for document in documents]
    for instance in instances:
        reader.apply_token_indexers(instance)
    batch = Batch(instances)
    batch.index_instances(model.vocab)
    return batch.as_tensor_dict()


def always(model: Model, *logits: float) -> None:
    """Make the model give every pair the same logits."""
    with torch.no_grad():
        model._relations._scorer._output.weight.zero_()
        model._relations._scorer._output.bias.copy_(torch.tensor(logits))


def find(model: Model, monkeypatch: pytest.MonkeyPatch, *found: List[ScoredSpan]) -> None:
    """Make the model find these entities."""
    monkeypatch.setattr(model, "find_entities", lambda scores, decoding: [*found])


def annotated(document: Document) -> List[ScoredSpan]:
    return [ScoredSpan(*entity, 0.9) for entity in document.entities or []]


def relation_loss(model: Model, *documents: Document) -> float:
    """Return the relations' part of the loss."""
    losses = []
    for weight in (1.0, 0.0):
        torch.manual_seed(1)
        model._relations.loss_weight = weight
        losses.append(model(**tensors(model, *documents))["loss"].item())
    return losses[0] - losses[1]


def test_the_loss_of_relations_is_summed_over_pairs_and_labels() -> None:
    model = joint_model().eval()
    used_for, compare = 1.0, -2.0
    order = [model.vocab.get_token_index(label, "relation_labels") for label in RELATION_LABELS]
    always(model, *(x for _, x in sorted(zip(order, (used_for, compare)))))
    yes, no = (lambda x: math.log1p(math.exp(-x))), (lambda x: math.log1p(math.exp(x)))
    # Six pairs and two pairs, in either direction; USED-FOR holds in two, COMPARE in both of its.
    expected = 2 * yes(used_for) + 6 * no(used_for) + 2 * yes(compare) + 6 * no(compare)
    assert relation_loss(model, DOCUMENT) == pytest.approx(expected, rel=1e-4)
    # A mean over the documents, one of them without pairs; those without annotation do not count.
    unannotated = Document("f", DOCUMENT.sentences, DOCUMENT.entities)
    found = relation_loss(model, DOCUMENT, OTHER, unannotated)
    assert found == pytest.approx(expected / 2, rel=1e-4)
    # In training, none of the four pairs without a relation is drawn.
    sampled = joint_model({"sampler": {"num_negatives": 0}}).train()
    sampled.load_state_dict(model.state_dict())
    expected = 2 * (yes(used_for) + no(compare) + no(used_for) + yes(compare))
    assert relation_loss(sampled, DOCUMENT) == pytest.approx(expected, rel=1e-4)


def test_relations_are_found_between_the_entities_of_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = joint_model().eval()
    order = [model.vocab.get_token_index(label, "relation_labels") for label in RELATION_LABELS]
    always(model, *(x for _, x in sorted(zip(order, (3.0, 2.0)))))
    find(model, monkeypatch, annotated(DOCUMENT), annotated(OTHER))
    outputs = model(**tensors(model, DOCUMENT, OTHER))
    first, second = outputs["relations"]
    assert second == []
    expected = [
        *((i, j, "USED-FOR") for i in (0, 1, 2) for j in (0, 1, 2) if i != j),
        *((i, j, "USED-FOR") for i, j in ((3, 4), (4, 3))),
        # Once each two.
        *((i, j, "COMPARE") for i, j in ((0, 1), (0, 2), (1, 2), (3, 4))),
    ]
    assert [relation[:3] for relation in first] == sorted(expected)
    scores = {relation.label: relation.score for relation in first}
    assert scores["USED-FOR"] == pytest.approx(1 / (1 + math.exp(-3)))
    assert scores["COMPARE"] == pytest.approx(1 / (1 + math.exp(-2)))
    # Two of eight, one of four, and four annotated, one of them in no sentence.
    metrics = model.get_metrics(reset=True)
    assert metrics["rel_precision"] == pytest.approx(3 / 12)
    assert metrics["rel_recall"] == pytest.approx(3 / 4)
    assert metrics["rel_plus_f1"] == pytest.approx(6 / 16)
    assert metrics["rel_recall-COMPARE"] == 1.0
    assert metrics["f1"] == 1.0


@pytest.mark.parametrize(
    "threshold, min_relation_score, found", [(0.7, 0.0, 8), (0.8, 0.0, 0), (0.7, 0.8, 0)]
)
def test_the_higher_of_threshold_and_min_relation_score_applies(
    threshold: float, min_relation_score: float, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    relations = {"threshold": threshold, "symmetric_labels": []}
    model = joint_model(relations).eval()
    # A probability of three quarters, and nearly none.
    always(model, math.log(3), -9.0)
    find(model, monkeypatch, annotated(DOCUMENT))
    batch = tensors(model, DOCUMENT)
    decoding = Decoding(min_relation_score=min_relation_score)
    (prediction,) = model.predict(batch["text"], batch["sentence_ids"], decoding)
    assert prediction.entities == annotated(DOCUMENT)
    assert len(prediction.relations) == found


@pytest.mark.parametrize("bias, found", [(0.0, 8), (-2.0, 0)])
def test_a_calibrated_model_leaves_out_relations_below_half_of_the_highest_f1(
    bias: float, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = joint_model({"symmetric_labels": []}).eval()
    # Three quarters. Calibrated with a bias of -2, it is 0.29.
    always(model, math.log(3), -9.0)
    find(model, monkeypatch, annotated(DOCUMENT))
    # With all predictions right and all relations found, F1 is 1.
    everything = [5] * (THRESHOLD_STEPS + 1)
    model._relations.calibration.set(Calibration(1.0, bias, everything, everything, 5))
    assert model.decoding.min_relation_score == 0.5
    batch = tensors(model, DOCUMENT)
    assert len(model(**batch)["relations"][0]) == found
    # A request decides otherwise.
    decoding = model.decoding.changed(min_relation_score=0.25)
    (prediction,) = model.predict(batch["text"], batch["sentence_ids"], decoding)
    assert len(prediction.relations) == 8


def test_a_relation_without_direction_has_the_mean_of_both(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    directed = joint_model({"threshold": 0.0, "symmetric_labels": []}).eval()
    model = joint_model({"threshold": 0.0, "symmetric_labels": ["COMPARE"]}).eval()
    model.load_state_dict(directed.state_dict())
    for each in (directed, model):
        find(each, monkeypatch, annotated(DOCUMENT))
    batch = tensors(model, DOCUMENT)
    (ways,), (once,) = (each(**batch)["relations"] for each in (directed, model))
    scores = {relation[:3]: relation.score for relation in ways}
    assert len(scores) == 16 and len(once) == 12
    for head, tail, label, score in once:
        expected = scores[head, tail, label]
        if label == "COMPARE":
            assert head < tail
            expected = (expected + scores[tail, head, label]) / 2
        assert score == pytest.approx(expected)


def test_chunks_of_pairs_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    model = joint_model({"threshold": 0.0}).eval()
    find(model, monkeypatch, annotated(OTHER), annotated(DOCUMENT), annotated(DOCUMENT)[:3])
    batch = tensors(model, OTHER, DOCUMENT, DOCUMENT)
    whole = model(**batch)
    model._relations._max_pairs_per_chunk = 4
    chunked = model(**batch)
    assert chunked["loss"].item() == pytest.approx(whole["loss"].item())
    for found, expected in zip(chunked["relations"], whole["relations"]):
        assert [r[:3] for r in found] == [r[:3] for r in expected]
        scores = [r.score for r in expected]
        assert [r.score for r in found] == pytest.approx(scores, abs=1e-6)


def test_no_entities_no_words_no_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    model = joint_model()
    empty = Document("", [], [], relations=[])
    for documents in ([empty], [OTHER], [empty, OTHER]):
        model.train()
        model.zero_grad()
        model(**tensors(model, *documents))["loss"].backward()
        # Or in distributed training the other processes would wait for it.
        assert all(parameter.grad is not None for parameter in model.parameters())
        model.eval()
        find(model, monkeypatch, *map(annotated, documents))
        assert model(**tensors(model, *documents))["relations"] == [[] for _ in documents]


def test_of_very_many_entities_the_most_probable_make_pairs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Three of nine words.
    model = joint_model({"max_entities_per_word": 0.3}).eval()
    always(model, 3.0, -3.0)
    scores = [0.5, 0.9, 0.4, 0.8, 0.7]
    found = [entity._replace(score=p) for entity, p in zip(annotated(DOCUMENT), scores)]
    find(model, monkeypatch, found, annotated(OTHER))
    relations, _ = model(**tensors(model, DOCUMENT, OTHER))["relations"]
    # The fourth and the fifth are in the other sentence.
    assert [relation[:2] for relation in relations] == [(3, 4), (4, 3)]


def test_distant_entities_make_no_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    model = joint_model({"max_distance": 1}).eval()
    always(model, 3.0, -3.0)
    find(model, monkeypatch, annotated(DOCUMENT))
    (relations,) = model(**tensors(model, DOCUMENT))["relations"]
    near = [(0, 1), (1, 0), (1, 2), (2, 1), (3, 4), (4, 3)]
    assert [relation[:2] for relation in relations] == near


@pytest.mark.parametrize("num_hard_negatives", [0, 3])
def test_gradients_reach_every_parameter(num_hard_negatives: int) -> None:
    model = joint_model({"num_hard_negatives": num_hard_negatives}).train()
    model(**tensors(model, DOCUMENT, OTHER))["loss"].backward()
    assert all(parameter.grad.any() for parameter in model._relations.parameters())
    assert model._embedder.token_embedder_tokens.weight.grad.any()


def test_the_most_confident_false_positives() -> None:
    # Six candidates of two documents: the classes of the first are wrong, right, wrong, wrong.
    probabilities = torch.tensor(
        [
            [0.3, 0.6, 0.1],
            [0.1, 0.8, 0.1],
            [0.4, 0.0, 0.6],
            [0.2, 0.1, 0.7],
            [0.8, 0.1, 0.1],
            [0.5, 0.3, 0.2],
        ]
    )
    mask = torch.tensor([[True] * 4, [True, True, False, False]])
    spans = torch.arange(8).view(2, 4, 1).expand(-1, -1, 2)
    labels = torch.tensor([[0, 1, 0, 0], [0, 1, 0, 0]])
    wrong, is_wrong = top_scoring_errors(SpanScores(probabilities.log(), spans, mask, labels), 2)
    assert wrong[0, :, 0].tolist() == [3, 0]
    assert is_wrong.tolist() == [[True, True], [False, False]]
    every, is_wrong = top_scoring_errors(SpanScores(probabilities.log(), spans, mask, labels), 9)
    assert is_wrong.sum(dim=1).tolist() == [3, 0]
    assert {*every[0, :, 0][is_wrong[0]].tolist()} == {0, 2, 3}


def test_hard_negatives_make_pairs_without_relations() -> None:
    model = joint_model({"num_hard_negatives": 2, "sampler": {"type": "all_pairs"}}).train()
    always(model, 0.0, 0.0)
    with torch.no_grad():
        # All words are entities, and wider spans are not.
        model._output.weight.zero_()
        model._output.bias.copy_(torch.tensor([0.0, 1.0, 0.0]))
    model._max_span_width = 1
    # The two of OTHER, and the one without a relation. All others of DOCUMENT are one sentence's
    # three entities, the other's two, and two of the first sentence.
    without = joint_model({"sampler": {"type": "all_pairs"}}).train()
    without.load_state_dict(model.state_dict())
    assert relation_loss(without, OTHER) == pytest.approx(0.0, abs=1e-5)
    assert relation_loss(model, OTHER) == pytest.approx(2 * 2 * math.log(2), rel=1e-4)
    expected = (5 * 4 + 2) * 2 * math.log(2)
    assert relation_loss(model, DOCUMENT) == pytest.approx(expected, rel=1e-4)


def test_the_model_of_entities_alone_stays_as_it_was() -> None:
    torch.manual_seed(3)
    alone = joint_model(alone=True)
    torch.manual_seed(3)
    joint = joint_model()
    own = {name for name in joint.state_dict() if name.startswith("_relations.")}
    assert own
    assert alone.state_dict().keys() == joint.state_dict().keys() - own
    for name, value in alone.state_dict().items():
        assert value.equal(joint.state_dict()[name])
    # What it draws in training, too, and more it does not draw.
    states, losses = [], []
    joint._relations.loss_weight = 0.0
    for model, relations in ((alone, False), (alone, True), (joint, True)):
        model.train()
        torch.manual_seed(4)
        losses.append(model(**tensors(model, DOCUMENT, relations=relations))["loss"].item())
        states.append(torch.get_rng_state())
    assert losses[0] == losses[1] == pytest.approx(losses[2])
    assert states[0].equal(states[1])
    alone.eval()
    assert "relations" not in alone(**tensors(alone, DOCUMENT))
    assert not any(name.startswith("rel") for name in alone.get_metrics())


def test_data_without_relations_is_reported() -> None:
    vocab = Vocabulary(tokens_to_add={"labels": LABELS})
    params = experiment(config=CONFIG).pop("model")
    with pytest.raises(ConfigurationError, match=r"\(model.relations\).* dataset_reader.relations"):
        Model.from_params(params, vocab=vocab)
    model = joint_model().train()
    document = Document("d", [["we"]], [], origin="f.json, line 3")
    with pytest.raises(
        ConfigurationError, match="f.json, line 3: document 'd': .*without 'relations'"
    ):
        model(**tensors(model, DOCUMENT, document))
    with pytest.raises(ConfigurationError, match="set dataset_reader.relations"):
        model(**tensors(model, DOCUMENT, relations=False))
    # Evaluation and prediction want none.
    model.eval()
    assert "relations" in model(**tensors(model, document, relations=False))
    with pytest.raises(ConfigurationError, match="threshold must be between 0 and 1, got 2"):
        joint_model({"threshold": 2.0})


def test_an_unknown_symmetric_label_is_named() -> None:
    complaint = "symmetric_labels has COMPARES, but .* are COMPARE, USED-FOR$"
    with pytest.raises(ConfigurationError, match=complaint):
        joint_model({"symmetric_labels": ["COMPARES", "COMPARE"]})


def test_a_model_learns_the_relations_of_a_few_abstracts() -> None:
    reader = SciERCReader(relations=True)
    batch = Batch(list(reader.read(str(FIXTURES / "abstracts" / "dev.json")))[:4])
    for instance in batch.instances:
        reader.apply_token_indexers(instance)
    vocab = Vocabulary.from_instances(batch.instances)
    batch.index_instances(vocab)
    torch.manual_seed(1)
    model = joint_model(
        {
            "symmetric_labels": ["COMPARE", "CONJUNCTION"],
            "scorer": {"feedforward": {"num_layers": 1, "hidden_dims": 64, "activations": "relu"}},
        },
        vocab,
        text_field_embedder={
            "token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 32}}
        },
        feedforward={"num_layers": 1, "hidden_dims": 64, "activations": "relu"},
    )
    inputs = batch.as_tensor_dict()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(120):
        optimizer.zero_grad()
        model(**inputs)["loss"].backward()
        optimizer.step()
    with torch.no_grad():
        model.eval()(**inputs)
    metrics = model.get_metrics(reset=True)
    # Words without context tell nearly all of it.
    assert metrics["f1"] > 0.9
    assert metrics["rel_f1"] > 0.75
    assert metrics["rel_plus_f1"] > 0.75


@pytest.mark.trains
def test_an_archive_finds_what_the_trained_model_did(tmp_path: Path) -> None:
    overrides = {
        "trainer.optimizer.lr": 0.01,
        "trainer.moving_average": None,
        # Something, and not too much of it.
        "model.relations.threshold": 0.3,
        "model.relations.sampler": {"num_negatives": 0},
    }
    train_model(experiment(overrides, CONFIG), str(tmp_path / "run"))
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    archive = load_archive(tmp_path / "run" / "model.tar.gz")
    reader = archive.validation_dataset_reader
    instances = list(reader.read(str(FIXTURES / "abstracts" / "dev.json")))
    outputs = archive.model.eval().forward_on_instances(instances)
    scores = archive.model.get_metrics(reset=True)
    for name in ("f1", "rel_recall", "rel_f1", "rel_plus_f1"):
        assert scores[name] == pytest.approx(metrics[f"best_validation_{name}"])

    # What was kept of the training gives the same scores, and says which relations are symmetric.
    counts = count_run(tmp_path / "run", counted="rel").sum()
    expected = 2 * counts["right"] / (counts["predicted"] + counts["gold"])
    assert scores["rel_f1"] == pytest.approx(expected)
    kept = read_predictions(str(tmp_path / "run" / PREDICTIONS))
    assert {line.predicted.symmetric_labels for line in kept} == {("COMPARE", "CONJUNCTION")}

    predictor = SEPTPredictor.from_archive(archive)
    assert isinstance(predictor, SEPTPredictor) and predictor.finds_relations
    documents = [instance["metadata"]["document"] for instance in instances]
    predictions = predictor.predict_batch(documents, predictor.decoding)
    assert any(prediction.relations for prediction in predictions)
    for prediction, output in zip(predictions, outputs):
        entities, relations = prediction.entities, prediction.relations
        assert [entity[:3] for entity in entities] == [entity[:3] for entity in output["entities"]]
        assert relations is not None
        assert [r[:3] for r in relations] == [r[:3] for r in output["relations"]]
        assert all(0 <= place < len(entities) for r in relations for place in r[:2])
        assert prediction.symmetric_labels == ("COMPARE", "CONJUNCTION")
    sure = SEPTPredictor.from_archive(archive, extra_args={"min_relation_score": 1.0})
    assert isinstance(sure, SEPTPredictor)
    assert not any(p.relations for p in sure.predict_batch(documents, sure.decoding))
    (nothing,) = predictor.predict_batch([Document("n", [["we"]])], predictor.decoding)
    assert nothing.relations == []
