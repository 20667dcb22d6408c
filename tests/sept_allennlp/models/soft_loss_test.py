"""Learning from a teacher's soft labels."""

import math
from typing import Any, Dict, List

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Batch
from allennlp.models import Model

from sept_allennlp.data.dataset_readers import SciERCReader
from sept_runtime.documents import (
    AnnotatedRelation,
    AnnotatedSpan,
    Document,
    SoftAnnotation,
    SoftRelation,
    SoftRelations,
    SoftSpan,
)
from sept_runtime.options import Decoding
from tests.sept_allennlp.models.baselines.sciie_test import words_model as sciie_model
from tests.sept_allennlp.models.checks import tensors as read_tensors
from tests.sept_allennlp.models.sept_relations_test import always as always_related
from tests.sept_allennlp.models.sept_relations_test import joint_model
from tests.sept_allennlp.models.sept_test import (
    LABELS,
    always,
    learned_frequencies,
    sampling_model,
    words_model,
)

SENTENCES = [["we", "use", "parsers"], ["we", "parsers"]]
GOLD = [AnnotatedSpan(2, 2, "Method")]
SOFT = SoftAnnotation(
    ("Method", "Task"),
    [SoftSpan(2, 2, {"Method": 0.7, "Task": 0.1}), SoftSpan(3, 4, {"Task": 0.5})],
)

# 3 × 4 / 2 + 2 × 3 / 2 candidates; of every one the model gives "no entity" the logit 5.
NUM_CANDIDATES = 9
WRONG = math.log(math.exp(5.0) + 2)
RIGHT = WRONG - 5.0
# Of "no entity" there are 7 candidates that are not listed, and what the listed ones lack of 1.
SOFT_LOSS = NUM_CANDIDATES * WRONG - 5.0 * (7 + 0.2 + 0.5)
HARD_LOSS = (NUM_CANDIDATES - 1) * RIGHT + WRONG

SOFT_ONLY = Document("soft only", SENTENCES, soft=SOFT)
ANNOTATED = Document("annotated", SENTENCES, GOLD)
BOTH = Document("both", SENTENCES, GOLD, soft=SOFT)
NEITHER = Document("neither", SENTENCES)


def tensors(model: Model, *documents: Document) -> Dict[str, Any]:
    reader = SciERCReader(soft_labels=True)
    batch = Batch([reader.text_to_instance(document) for document in documents])
    for instance in batch.instances:
        reader.apply_token_indexers(instance)
    batch.index_instances(model.vocab)
    return batch.as_tensor_dict()


def loss_of(model: Model, *documents: Document) -> float:
    return model(**tensors(model, *documents))["loss"].item()


@pytest.mark.parametrize(
    "documents, expected",
    [
        ([SOFT_ONLY], SOFT_LOSS),
        ([BOTH], (SOFT_LOSS + HARD_LOSS) / 2),
        ([SOFT_ONLY, ANNOTATED], (SOFT_LOSS + HARD_LOSS) / 2),
        ([ANNOTATED, NEITHER, SOFT_ONLY, BOTH], (SOFT_LOSS + HARD_LOSS) / 2),
        ([Document("", [], soft=SOFT._replace(spans=[])), SOFT_ONLY], SOFT_LOSS),
    ],
)
def test_the_loss_is_the_cross_entropy_summed_over_candidates_mean_over_documents(
    documents: List[Document], expected: float
) -> None:
    model = words_model().eval()
    always(model, label=0)
    assert loss_of(model, *documents) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("prior_correction", [0.0, 1.0])
def test_soft_labels_are_neither_sampled_nor_corrected(prior_correction: float) -> None:
    # It would keep 2 of the negatives of a document.
    model = sampling_model(prior_correction=prior_correction)
    always(model, label=0)
    assert loss_of(model, SOFT_ONLY) == pytest.approx(SOFT_LOSS, rel=1e-5)
    assert loss_of(model, BOTH) == pytest.approx((SOFT_LOSS + HARD_LOSS) / 2, rel=1e-5)
    # Of gold beside them as ever: 2 of 8 negatives, and the entity.
    bias = prior_correction * math.log(2 / 8)
    no_entity = math.exp(5.0 + bias)
    gold_loss = 3 * math.log(no_entity + 2) - 2 * (5.0 + bias)
    loss = loss_of(model, SOFT_ONLY, ANNOTATED)
    assert loss == pytest.approx((SOFT_LOSS + gold_loss) / 2, rel=1e-5)


def test_only_gold_is_learned_as_without_a_teacher() -> None:
    model = words_model().eval()
    batch = tensors(model, ANNOTATED, NEITHER)
    with_field = model(**batch)["loss"]
    del batch["soft_labels"]
    assert model(**batch)["loss"].equal(with_field)


def test_the_model_learns_the_teachers_frequencies() -> None:
    model = sampling_model()
    batch = tensors(model, SOFT_ONLY)
    labels = {label: model.vocab.get_token_index(label, "labels") for label in LABELS}
    learned = learned_frequencies(model, batch)
    assert learned[0].item() == pytest.approx(7.7 / 9, abs=1e-4)
    assert learned[1 + labels["Method"]].item() == pytest.approx(0.7 / 9, abs=1e-4)
    assert learned[1 + labels["Task"]].item() == pytest.approx(0.6 / 9, abs=1e-4)


def test_documents_without_annotation_are_refused_in_training() -> None:
    model = words_model().train()
    with pytest.raises(ConfigurationError, match="document 'neither': cannot train on a document"):
        loss_of(model, SOFT_ONLY, NEITHER)


def test_a_reader_that_leaves_soft_labels_out_is_named() -> None:
    model = words_model().train()
    batch = tensors(model, SOFT_ONLY)
    del batch["soft_labels"]
    expected = "document 'soft only'.*without 'ner'; .* set dataset_reader.soft_labels to true"
    with pytest.raises(ConfigurationError, match=expected):
        model(**batch)


def test_a_pruning_model_learns_from_all_candidates_of_a_document_with_soft_labels() -> None:
    # Of two words' three candidates it keeps one.
    model = sciie_model(spans_per_word=0.5, lexical_dropout=0.0).train()
    soft = SOFT._replace(spans=[SoftSpan(0, 0, {"Task": 0.25})])
    document = Document("d", [["we", "use"]], soft=soft)
    batch = tensors(model, document)
    gold = batch["gold"]
    few = model.score_spans(batch["text"], batch["sentence_ids"], gold)
    keep_all = torch.tensor([True])
    scores = model.score_spans(batch["text"], batch["sentence_ids"], gold, keep_all)
    assert (len(few.logits), len(scores.logits)) == (1, 3)
    log = scores.logits.log_softmax(dim=-1)
    task = 1 + model.vocab.get_token_index("Task", "labels")
    expected = -(log[1:, 0].sum() + 0.75 * log[0, 0] + 0.25 * log[0, task])
    assert loss_of(model, document) == pytest.approx(expected.item(), rel=1e-5)


def test_a_student_may_learn_relations_from_gold_alone() -> None:
    model = joint_model().train()
    reader = SciERCReader(soft_labels=True, relations=True)
    instances = [reader.text_to_instance(document) for document in (SOFT_ONLY, SOFT_ONLY)]
    for instance in instances:
        reader.apply_token_indexers(instance)
    batch = Batch(instances)
    batch.index_instances(model.vocab)
    # In distributed training every parameter needs a gradient in every step.
    model(**batch.as_tensor_dict())["loss"].backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    annotated = reader.text_to_instance(ANNOTATED)
    reader.apply_token_indexers(annotated)
    batch = Batch([*instances, annotated])
    batch.index_instances(model.vocab)
    with pytest.raises(ConfigurationError, match="document 'annotated': cannot learn relations"):
        model(**batch.as_tensor_dict())


def test_relations_and_soft_labels_are_predicted_together() -> None:
    model = joint_model().eval()
    batch = tensors(model, SOFT_ONLY)
    decoding = Decoding(soft_labels=0.0)
    with torch.no_grad():
        (prediction,) = model.predict(batch["text"], batch["sentence_ids"], decoding)
    assert prediction.relations is not None
    assert prediction.soft is not None and len(prediction.soft.spans) == NUM_CANDIDATES


# The teacher lists two of the sentence's pairs.
PAIRS = SoftRelations(
    ("USED-FOR", "COMPARE"),
    [
        SoftRelation((0, 0), (1, 2), {"USED-FOR": 0.75}),
        SoftRelation((1, 2), (0, 0), {"COMPARE": 0.5}),
    ],
)
SOFT_PAIRS_ONLY = Document("soft only", SENTENCES, soft=SOFT._replace(relations=PAIRS))
GOLD_PAIRS = Document(
    "annotated",
    SENTENCES,
    [AnnotatedSpan(0, 0, "Task"), AnnotatedSpan(2, 2, "Method")],
    relations=[AnnotatedRelation((0, 0), (2, 2), "USED-FOR")],
)
BOTH_PAIRS = Document(
    "both",
    SENTENCES,
    GOLD_PAIRS.entities,
    relations=GOLD_PAIRS.relations,
    soft=SOFT_PAIRS_ONLY.soft,
)

# With the logits 1 for USED-FOR and -2 for COMPARE, each label of each pair costs
USED_FOR, COMPARE = math.log(1 + math.exp(1.0)), math.log(1 + math.exp(-2.0))
# less its target times its logit: those of the two pairs are 0.75 and 0, and 0 and 0.5.
SOFT_PAIR_LOSS = 2 * (USED_FOR + COMPARE) - 0.75 * 1.0 + 0.5 * 2.0
GOLD_PAIR_LOSS = 2 * (USED_FOR + COMPARE) - 1.0


def pair_loss(model: Model, *documents: Document) -> float:
    """Return what the relations add to the loss."""
    batch = read_tensors(model, *documents, soft_labels=True, relations=True)
    losses = []
    for weight in (1.0, 0.0):
        model._relations.loss_weight = weight
        losses.append(model(**batch)["loss"].item())
    return losses[0] - losses[1]


def pair_model(**options: Any) -> Model:
    model = joint_model(**options)
    logits = {"USED-FOR": 1.0, "COMPARE": -2.0}
    index_of = model.vocab.get_token_to_index_vocabulary("relation_labels")
    always_related(model, *(logits[label] for label in sorted(index_of, key=index_of.get)))
    return model


@pytest.mark.parametrize("is_training", [True, False])
@pytest.mark.parametrize(
    "documents, expected",
    [
        ([SOFT_PAIRS_ONLY], SOFT_PAIR_LOSS),
        ([GOLD_PAIRS], GOLD_PAIR_LOSS),
        ([BOTH_PAIRS], (SOFT_PAIR_LOSS + GOLD_PAIR_LOSS) / 2),
        ([SOFT_PAIRS_ONLY, GOLD_PAIRS], (SOFT_PAIR_LOSS + GOLD_PAIR_LOSS) / 2),
        # A document without probabilities of relations is not counted.
        ([SOFT_PAIRS_ONLY, SOFT_ONLY], SOFT_PAIR_LOSS),
        (
            [GOLD_PAIRS, BOTH_PAIRS, SOFT_ONLY, GOLD_PAIRS],
            (5 * GOLD_PAIR_LOSS + SOFT_PAIR_LOSS) / 6,
        ),
    ],
)
def test_the_loss_of_pairs_is_the_cross_entropy_with_the_teachers_probabilities(
    documents: List[Document], expected: float, is_training: bool
) -> None:
    model = pair_model(span_sampler="all_spans").train(is_training)
    assert pair_loss(model, *documents) == pytest.approx(expected, rel=1e-4)


def test_a_teachers_pairs_are_not_sampled() -> None:
    model = pair_model(relations={"sampler": {"num_negatives": 0}}).train()
    assert pair_loss(model, SOFT_PAIRS_ONLY) == pytest.approx(SOFT_PAIR_LOSS, rel=1e-3)


def test_hard_negatives_and_documents_without_soft_pairs_add_no_loss() -> None:
    no_pairs = SOFT._replace(relations=PAIRS._replace(pairs=[]))
    model = pair_model(relations={"num_hard_negatives": 3}).train()
    assert pair_loss(model, SOFT_PAIRS_ONLY) == pytest.approx(SOFT_PAIR_LOSS, rel=1e-3)
    document = Document("no pairs", SENTENCES, soft=no_pairs)
    assert pair_loss(model, document) == pytest.approx(0.0, abs=1e-5)
    expected = SOFT_PAIR_LOSS / 2
    assert pair_loss(model, document, SOFT_PAIRS_ONLY) == pytest.approx(expected, rel=1e-3)


def test_gradients_of_a_document_with_soft_labels_reach_every_parameter() -> None:
    model = joint_model().train()
    batch = read_tensors(model, SOFT_PAIRS_ONLY, soft_labels=True, relations=True)
    model(**batch)["loss"].backward()
    assert all(parameter.grad.any() for parameter in model._relations.parameters())
