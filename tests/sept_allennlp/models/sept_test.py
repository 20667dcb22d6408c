import json
from pathlib import Path
from typing import Any, Dict, List

import numpy
import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import Batch, Vocabulary
from allennlp.models import Model

from sept_allennlp.data.dataset_readers import SciERCReader
from sept_allennlp.data.token_indexers import WordPieceIndexer
from sept_runtime.documents import AnnotatedSpan, Document
from tests.experiments import FIXTURES, QUICK, experiment
from tests.sept_allennlp.models.checks import (
    EntityModelChecks,
    assert_chunks_change_nothing,
    assert_same_entities,
    tensors,
)

LABELS = ["Method", "Task"]


class TestSEPT(EntityModelChecks):
    config = "sept_minilm.jsonnet"


def words_model(**model: Any) -> Model:
    """Return a SEPT over word embeddings with a vocabulary of two labels."""
    vocab = Vocabulary(
        tokens_to_add={"labels": LABELS, "tokens": ["we", "use", "parsers"]},
        non_padded_namespaces=["labels"],
    )
    params = {
        "type": "sept",
        "text_field_embedder": {
            "token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 4}}
        },
        "span_extractor": {"type": "max_pool"},
        "feedforward": {"num_layers": 1, "hidden_dims": 5, "activations": "relu"},
        **model,
    }
    return Model.from_params(Params(params), vocab=vocab)


def always(model: Model, label: int, logit: float = 5.0) -> None:
    """Make the model give every span the same label."""
    torch.nn.init.zeros_(model._output.weight)
    with torch.no_grad():
        model._output.bias.copy_(torch.zeros(1 + len(LABELS)))
        model._output.bias[label] = logit


DOCUMENT = Document(
    key="d",
    sentences=[["we", "use", "parsers"], ["we", "parsers"]],
    entities=[AnnotatedSpan(2, 2, "Method"), AnnotatedSpan(3, 4, "Task")],
)


def test_loss_is_the_sum_over_candidates_and_the_mean_over_documents() -> None:
    model = words_model(embedding_dropout=0.0)
    always(model, label=0)
    model.eval()
    other = Document(key="e", sentences=[["we"]], entities=[])
    unannotated = Document(key="f", sentences=[["we", "use"]])
    # Spans of a sentence of n words: n (n + 1) / 2, so 6 + 3 + 1, two of them entities.
    right = numpy.log(numpy.exp(5.0) + 2) - 5.0
    wrong = numpy.log(numpy.exp(5.0) + 2)
    expected = ((6 + 3 - 2) * right + 2 * wrong + right) / 2
    loss = model(**tensors(model, DOCUMENT, other, unannotated))["loss"].item()
    assert loss == pytest.approx(expected, rel=1e-5)


def test_metrics_count_every_gold_entity_reachable_or_not() -> None:
    model = words_model(max_span_width=1)
    always(model, label=1)
    model.eval()
    outputs = model(**tensors(model, DOCUMENT))
    label = model.vocab.get_token_from_index(0, "labels")
    assert [entity[:3] for entity in outputs["entities"][0]] == [(i, i, label) for i in range(5)]
    metrics = model.get_metrics(reset=True)
    # Word 2 is right; the Task of two words is out of reach and still counts.
    assert metrics["precision"] == pytest.approx(1 / 5)
    assert metrics["recall"] == pytest.approx(1 / 2)
    assert metrics["f1"] == pytest.approx(2 / 7)
    assert metrics["recall-Task"] == 0.0
    assert metrics["recall-Method"] == 1.0


def test_an_empty_document_has_no_loss_and_no_entities() -> None:
    model = words_model()
    empty = Document(key="", sentences=[], entities=[])
    model.train()
    assert model(**tensors(model, empty))["loss"].item() == 0.0
    model.eval()
    outputs = model(**tensors(model, empty, DOCUMENT))
    assert outputs["entities"][0] == []


def test_training_on_a_document_that_is_not_annotated_is_refused() -> None:
    model = words_model()
    document = Document(key="d", sentences=[["we"]], origin="f.json, line 3")
    model.train()
    with pytest.raises(ConfigurationError, match="f.json, line 3: document 'd'.*without 'ner'"):
        model(**tensors(model, document))


def sampling_model(**model: Any) -> Model:
    """Keep 2 of a document's negatives, and give every span the same logits, initially 0."""
    sampler = {"type": "random_negatives", "num_negatives": 2}
    model = words_model(span_sampler=sampler, embedding_dropout=0.0, **model).train()
    always(model, label=0, logit=0.0)
    return model


def test_the_prior_correction_applies_only_to_the_training_loss() -> None:
    corrected, plain = sampling_model(prior_correction=0.5), sampling_model()
    assert corrected.state_dict().keys() == plain.state_dict().keys()
    # Of 3 + 1 and of 6 + 3 candidates, none and two are entities: 2 of 4 and of 7 negatives kept.
    other = Document(key="e", sentences=[["we", "use"], ["parsers"]], entities=[])
    batch = tensors(corrected, other, DOCUMENT)
    # Half of log 2/4 and of log 2/7 is added to the logit of "no entity", which is 0.
    first, second = (2 / 4) ** 0.5, (2 / 7) ** 0.5
    losses = [2 * numpy.log((first + 2) / first)]
    losses.append(2 * numpy.log((second + 2) / second) + 2 * numpy.log(second + 2))
    assert corrected(**batch)["loss"].item() == pytest.approx(sum(losses) / 2)
    assert plain(**batch)["loss"].item() == pytest.approx((2 + 4) * numpy.log(3) / 2)
    for model in (corrected, plain):
        always(model.eval(), label=1)
    outputs, expected = corrected(**batch), plain(**batch)
    assert outputs["entities"] == expected["entities"]
    assert outputs["loss"].equal(expected["loss"])


def learned_frequencies(model: Model, batch: Dict[str, Any]) -> torch.Tensor:
    """Return a `sampling_model`'s probabilities of every span after it has learned everything."""
    # Spans have nothing to be told apart by, so that is how frequent the classes are.
    bias = model._output.bias
    optimizer = torch.optim.LBFGS([bias], line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = model(**batch)["loss"]
        loss.backward()
        return loss

    optimizer.step(closure)
    return bias.softmax(dim=0)


@pytest.mark.parametrize(
    "prior_correction, expected",
    # Of the 9 candidates 7 are no entities, 1 is a Method, 1 a Task; of the kept ones 2, 1 and 1.
    [(0.0, [2 / 4, 1 / 4, 1 / 4]), (1.0, [7 / 9, 1 / 9, 1 / 9])],
)
def test_with_the_prior_corrected_the_model_learns_the_frequencies_of_all_candidates(
    prior_correction: float, expected: List[float]
) -> None:
    model = sampling_model(prior_correction=prior_correction)
    batch = tensors(model, DOCUMENT)
    assert learned_frequencies(model, batch).tolist() == pytest.approx(expected, abs=1e-4)


def test_chunks_of_spans_change_nothing() -> None:
    torch.manual_seed(1)
    model = words_model()
    model.eval()
    batch = tensors(model, DOCUMENT, Document(key="e", sentences=[["use", "parsers"]]))
    assert_chunks_change_nothing(model, batch)


@pytest.mark.trains
@pytest.mark.parametrize(
    "span_extractor",
    [
        {"type": "endpoint", "input_dim": 16},
        {
            "type": "endpoint",
            "num_width_embeddings": 12,
            "span_width_embedding_dim": 3,
            "bucket_widths": True,
        },
        {"type": "self_attentive", "input_dim": 16},
        {"type": "bidirectional_endpoint"},
    ],
    ids=lambda extractor: extractor["type"],
)
def test_extractors_of_allennlp_drop_in(span_extractor: Dict[str, Any], tmp_path: Path) -> None:
    from allennlp.commands.train import train_model

    params = experiment({"model.span_extractor": span_extractor, **QUICK})
    model = train_model(params, str(tmp_path / "run"))
    predicted: List[Any] = model(
        **tensors_of_reader(model, params_reader(), FIXTURES / "abstracts" / "dev.json")
    )["entities"]
    assert len(predicted) == 8
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert numpy.isfinite(metrics["best_validation_loss"])


def params_reader() -> SciERCReader:
    from allennlp.data import DatasetReader

    return DatasetReader.from_params(experiment().pop("dataset_reader"))


def tensors_of_reader(model: Model, reader: SciERCReader, path: Path) -> Dict[str, Any]:
    batch = Batch(list(reader.read(str(path))))
    batch.index_instances(model.vocab)
    model.eval()
    return batch.as_tensor_dict()


def test_unknown_names_of_a_configuration_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="max_span_width must be at least 1"):
        words_model(max_span_width=0)
    with pytest.raises(ConfigurationError, match="not in acceptable choices"):
        words_model(span_sampler={"type": "no_such_sampler"})


@pytest.mark.parametrize(
    "span_extractor",
    [
        {"type": "bidirectional_endpoint"},
        {"type": "endpoint", "use_exclusive_start_indices": True},
        {"type": "concat", "extractors": [{"type": "max_pool"}, {"type": "endpoint"}]},
    ],
    ids=lambda extractor: extractor["type"],
)
def test_chunks_change_nothing_for_extractors_that_look_at_neighbors(
    span_extractor: Dict[str, Any],
) -> None:
    torch.manual_seed(1)
    model = words_model(span_extractor=span_extractor)
    # So that there are entities to compare.
    model._output.bias.data[0] -= 5.0
    model.eval()
    other = Document(key="e", sentences=[["use", "parsers", "we", "use"]])
    batch = tensors(model, DOCUMENT, other)
    assert_chunks_change_nothing(model, batch)


def test_words_pooled_from_pieces_are_spans_of_words(tiny_encoder: str) -> None:
    """Words are not confused with pieces if one document has as many as the other has pieces."""
    embedders = {"tokens": {"type": "pooled_word_pieces", "model_name": tiny_encoder}}
    model = words_model(text_field_embedder={"token_embedders": embedders}).eval()
    reader = SciERCReader(token_indexers={"tokens": WordPieceIndexer(tiny_encoder)})
    documents = [Document("a", [["we"] * 12]), Document("b", [["we", "parallelogrammatical"]])]
    instances = [reader.text_to_instance(document) for document in documents]
    for instance in instances:
        reader.apply_token_indexers(instance)
    together, alone = Batch(instances), Batch(instances[1:])
    for batch in (together, alone):
        batch.index_instances(model.vocab)
    tensors_alone = alone.as_tensor_dict()
    assert tensors_alone["text"]["tokens"]["wordpiece_mask"].size(1) > 2
    assert_same_entities(
        model(**together.as_tensor_dict())["entities"][1:], model(**tensors_alone)["entities"]
    )
