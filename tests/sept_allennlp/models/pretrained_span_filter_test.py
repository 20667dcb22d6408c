import json
import shutil
import tarfile
from pathlib import Path
from typing import Any, Callable, Dict

import pytest
import torch
from allennlp.commands.evaluate import evaluate_from_archive
from allennlp.commands.train import train_model
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import Batch
from allennlp.models import Model
from allennlp.predictors import Predictor
from transformers import AutoModel, AutoTokenizer

from sept_allennlp.archives import load_archive
from sept_allennlp.modules.candidate_spans import enumerate_spans
from tests.experiments import FIXTURES, QUICK, experiment

DEV = FIXTURES / "abstracts" / "dev.json"
TEXT = {"text": "We use a parser for parsing ( quickly ) ."}


def filtered(archive: str, **settings: Any) -> Dict[str, Any]:
    return {"model.span_filter": {"type": "pretrained", "archive": archive, **settings}}


def sept(archive: str, filter_archive: str, **settings: Any) -> Any:
    return load_archive(archive, overrides=filtered(filter_archive, **settings))


def dev_batch(loaded: Any) -> Dict[str, Any]:
    batch = Batch(list(loaded.validation_dataset_reader.read(str(DEV))))
    batch.index_instances(loaded.model.vocab)
    return batch.as_tensor_dict()


def test_only_spans_above_the_threshold_are_classified(
    trained_archive: str, filter_archive: str
) -> None:
    plain = load_archive(trained_archive)
    threshold = 0.1
    loaded = sept(trained_archive, filter_archive, threshold=threshold)
    loaded.model.eval(), plain.model.eval()
    batch = dev_batch(loaded)
    alone = load_archive(filter_archive).model.eval()
    spans, mask = enumerate_spans(batch["sentence_ids"], 12)
    probabilities = alone(**batch)["probabilities"]

    for found, everything, row, there, p in zip(
        loaded.model(**batch)["entities"],
        plain.model(**batch)["entities"],
        spans,
        mask,
        probabilities,
    ):
        kept = {tuple(span) for span in row[there][p >= threshold].tolist()}
        assert 0 < len(kept) < int(there.sum())
        # Flat decoding lets what was removed make room for others, so this is no equality.
        assert {entity[:2] for entity in found} <= kept
        assert {e[:3] for e in everything if e[:2] in kept} <= {e[:3] for e in found}


def test_thresholds_of_0_and_1(trained_archive: str, filter_archive: str) -> None:
    plain = load_archive(trained_archive)
    expected = plain.model.eval()(**dev_batch(plain))
    everything = sept(trained_archive, filter_archive, threshold=0.0)
    assert everything.model.eval()(**dev_batch(everything))["entities"] == expected["entities"]
    nothing = sept(trained_archive, filter_archive, threshold=1.0)
    outputs = nothing.model.eval()(**dev_batch(nothing))
    assert outputs["entities"] == [[] for _ in expected["entities"]]
    assert outputs["loss"].item() == 0.0
    metrics = nothing.model.get_metrics(reset=True)
    assert (metrics["precision"], metrics["recall"], metrics["f1"]) == (0.0, 0.0, 0.0)
    assert Predictor.from_archive(nothing).predict_json(TEXT)["entities"] == []


def test_the_archives_own_threshold_is_the_default(
    trained_archive: str, filter_archive: str
) -> None:
    own = sept(trained_archive, filter_archive).model._filter
    asked = sept(trained_archive, filter_archive, threshold={"recall": 0.5}).model._filter
    other = sept(trained_archive, filter_archive, threshold={"recall": 0.9}).model._filter
    text_spans_mask = _inputs(trained_archive)
    assert own(*text_spans_mask).equal(asked(*text_spans_mask))
    assert own(*text_spans_mask).sum() < other(*text_spans_mask).sum()


def _inputs(archive: str) -> Any:
    batch = dev_batch(load_archive(archive))
    return batch["text"], *enumerate_spans(batch["sentence_ids"], 12)


@pytest.mark.trains
@pytest.mark.parametrize("config", ["span_filter.jsonnet", "span_filter_light.jsonnet"])
def test_the_filter_is_inside_the_models_own_archive(config: str, tmp_path: Path) -> None:
    filter_run, run = tmp_path / "filter", tmp_path / "run"
    train_model(experiment(QUICK, config), str(filter_run))
    archive = str(filter_run / "model.tar.gz")
    train_model(experiment({**filtered(archive), **QUICK}), str(run))
    metrics = json.loads((run / "metrics.json").read_text())
    before = Predictor.from_path(str(run / "model.tar.gz")).predict_json(TEXT)

    shutil.rmtree(filter_run)
    elsewhere = tmp_path / "model.tar.gz"
    shutil.move(str(run / "model.tar.gz"), elsewhere)
    shutil.rmtree(run)
    evaluated = evaluate_from_archive(elsewhere, str(DEV))
    assert evaluated["f1"] == metrics["best_validation_f1"]
    assert evaluated["loss"] == pytest.approx(metrics["best_validation_loss"], rel=0.2)
    assert Predictor.from_path(str(elsewhere)).predict_json(TEXT) == before
    # Another threshold, and no filter, by overrides.
    for settings in ({"threshold": 0.0}, {"type": "all"}):
        overrides = {f"model.span_filter.{name}": value for name, value in settings.items()}
        if "type" in settings:
            overrides = {"model.span_filter": settings}
        loaded = load_archive(elsewhere, overrides=overrides)
        loaded.model.eval()(**dev_batch(loaded))
        assert loaded.model.get_metrics(reset=True)["recall"] >= evaluated["recall"]


def test_the_filter_is_not_part_of_the_model(trained_archive: str, filter_archive: str) -> None:
    plain = load_archive(trained_archive).model
    model = sept(trained_archive, filter_archive).model
    assert model.state_dict().keys() == plain.state_dict().keys()
    assert dict(model.named_parameters()).keys() == dict(plain.named_parameters()).keys()
    inner = model.train()._filter._model[0]
    assert not inner.training
    assert not any(parameter.requires_grad for parameter in inner.parameters())
    # And goes where the model goes.
    model.double()
    assert {p.dtype for p in inner.parameters()} == {torch.double}


def test_training_is_not_filtered(trained_archive: str, filter_archive: str) -> None:
    model: Model = sept(trained_archive, filter_archive, threshold=1.0).model.train()
    assert model(**dev_batch(load_archive(trained_archive)))["loss"].item() > 0.0


def test_other_archives_are_refused(trained_archive: str) -> None:
    with pytest.raises(
        ConfigurationError, match="holds a model of type 'sept' instead of a span filter"
    ):
        sept(trained_archive, trained_archive)
    with pytest.raises(ConfigurationError, match="nowhere.tar.gz: there is no such span filter"):
        sept(trained_archive, "nowhere.tar.gz")
    with pytest.raises(ConfigurationError, match="nowhere.tar.gz: there is no such span filter"):
        Model.from_params(
            experiment(filtered("nowhere.tar.gz"))["model"],
            vocab=load_archive(trained_archive).model.vocab,
        )


@pytest.mark.parametrize("threshold", [-1.0, 1.01, {"recall": 1.2}])
def test_a_threshold_outside_0_and_1_is_refused(
    trained_archive: str, filter_archive: str, threshold: Any
) -> None:
    with pytest.raises(ConfigurationError, match="threshold must be between 0 and 1"):
        sept(trained_archive, filter_archive, threshold=threshold)


def test_another_span_limit_is_refused(trained_archive: str, filter_archive: str) -> None:
    with pytest.raises(ConfigurationError, match="max_span_width 12, but the model has 5"):
        load_archive(
            trained_archive, overrides={**filtered(filter_archive), "model.max_span_width": 5}
        )


def copy_of_the_encoder(folder: Path, more_pieces: int = 0, **changes: Any) -> str:
    source = FIXTURES / "tiny_encoder"
    shutil.copytree(source, folder)
    if more_pieces:
        tokenizer = AutoTokenizer.from_pretrained(source)
        tokenizer.add_tokens([f"piece{i}" for i in range(more_pieces)])
        tokenizer.save_pretrained(folder)
        resized = AutoModel.from_pretrained(source)
        resized.resize_token_embeddings(len(tokenizer))
        resized.save_pretrained(folder)
    if changes:
        model = AutoModel.from_pretrained(source, **changes)
        model.save_pretrained(folder)
    return str(folder)


def trained_filter_on(encoder: str, run: Path) -> str:
    overrides = {
        "dataset_reader.token_indexers.tokens.model_name": encoder,
        "model.text_field_embedder.token_embedders.tokens.model_name": encoder,
        **QUICK,
    }
    train_model(experiment(overrides, "span_filter_light.jsonnet"), str(run))
    return str(run / "model.tar.gz")


@pytest.mark.trains
@pytest.mark.parametrize(
    "changes, message",
    [
        ({}, None),
        ({"num_hidden_layers": 1}, "trained with another encoder"),
        ({"more_pieces": 1}, "trained with another tokenization"),
    ],
    ids=["a copy", "fewer layers", "more pieces"],
)
def test_another_encoder_or_tokenization_is_refused(
    changes: Dict[str, Any], message: Any, trained_archive: str, tmp_path: Path
) -> None:
    encoder = copy_of_the_encoder(tmp_path / "encoder", **changes)
    archive = trained_filter_on(encoder, tmp_path / "run")
    if message is None:
        assert sept(trained_archive, archive).model is not None
    else:
        with pytest.raises(ConfigurationError, match=message):
            sept(trained_archive, archive)


def test_a_model_over_words_takes_no_filter(filter_archive: str) -> None:
    from tests.sept_allennlp.models.sept_test import words_model

    with pytest.raises(ConfigurationError, match="the model does not read the word pieces"):
        words_model(span_filter=filtered(filter_archive)["model.span_filter"])


def test_an_archive_downloads_no_filter(trained_archive: str) -> None:
    with pytest.raises(ConfigurationError, match="no such span filter on this machine"):
        sept(trained_archive, "https://example.com/filter.tar.gz")


@pytest.fixture(scope="session")
def filtered_archive(filter_archive: str, train_once: Callable[..., str]) -> str:
    """Return the archive of a SEPT that holds a filter."""
    return train_once("filtered", {**filtered(filter_archive), **QUICK})


def test_the_archive_holds_the_filter_once(filtered_archive: str) -> None:
    with tarfile.open(filtered_archive) as archive:
        names = [name for name in archive.getnames() if "span_filter" in name]
    assert len(names) == 2 and names[1].startswith("vocabulary/.span_filters/")


@pytest.fixture(scope="session")
def other_archive(train_once: Callable[..., str]) -> str:
    overrides = {"model.threshold": {"recall": 0.5}, "trainer.num_epochs": 1}
    return train_once("other_filter", overrides, "span_filter.jsonnet")


def kept(loaded: Any) -> torch.Tensor:
    batch = dev_batch(loaded)
    return loaded.model._filter(batch["text"], *enumerate_spans(batch["sentence_ids"], 12))


def test_an_override_names_another_filter(
    trained_archive: str, filtered_archive: str, other_archive: str
) -> None:
    expected = kept(sept(trained_archive, other_archive))
    assert kept(load_archive(filtered_archive)).sum() != expected.sum()
    assert kept(sept(filtered_archive, other_archive)).equal(expected)


@pytest.mark.parametrize("name", ["filter_archive", "other_archive"])
def test_mixed_precision(name: str, trained_archive: str, request: pytest.FixtureRequest) -> None:
    loaded = sept(trained_archive, request.getfixturevalue(name))
    batch = dev_batch(loaded)
    spans_and_mask = enumerate_spans(batch["sentence_ids"], 12)
    expected = loaded.model._filter(batch["text"], *spans_and_mask)
    alone = load_archive(request.getfixturevalue(name)).model
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loaded.model.eval()(**batch)
        assert loaded.model._filter(batch["text"], *spans_and_mask).equal(expected)
        alone.train()(**batch)["loss"].backward()
    assert any(p.grad is not None and p.grad.any() for p in alone.parameters())


@pytest.mark.trains
def test_a_model_with_a_filter_is_trained_further(filtered_archive: str, tmp_path: Path) -> None:
    config = experiment(QUICK).as_dict()
    config["model"] = {"type": "from_archive", "archive_file": filtered_archive}
    train_model(Params(config), str(tmp_path / "run"))
    assert (tmp_path / "run" / "model.tar.gz").is_file()


def test_a_file_that_is_not_an_archive_is_refused(trained_archive: str, tmp_path: Path) -> None:
    (tmp_path / "filter.tar.gz").write_bytes(b"no archive")
    with pytest.raises(ConfigurationError, match="not the archive of a span filter"):
        sept(trained_archive, str(tmp_path / "filter.tar.gz"))


@pytest.mark.trains
def test_a_tokenizer_with_other_pieces_is_refused(trained_archive: str, tmp_path: Path) -> None:
    encoder = Path(copy_of_the_encoder(tmp_path / "encoder"))
    settings = encoder / "tokenizer_config.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "do_lower_case": False}))
    archive = trained_filter_on(str(encoder), tmp_path / "run")
    with pytest.raises(ConfigurationError, match="trained with another tokenization"):
        sept(trained_archive, archive)


@pytest.mark.trains
def test_an_encoder_of_the_same_kind_with_other_weights_is_refused(
    trained_archive: str, tmp_path: Path
) -> None:
    encoder = copy_of_the_encoder(tmp_path / "encoder")
    model = AutoModel.from_pretrained(encoder)
    model.get_input_embeddings().weight.data[7] += 1.0
    model.save_pretrained(encoder)
    archive = trained_filter_on(encoder, tmp_path / "run")
    with pytest.raises(ConfigurationError, match="another encoder of the same kind and size"):
        sept(trained_archive, archive)


def test_the_folder_of_a_training_is_a_filter(trained_archive: str, filter_archive: str) -> None:
    assert sept(trained_archive, str(Path(filter_archive).parent)).model is not None
    with pytest.raises(ConfigurationError, match="this folder has no model.tar.gz"):
        sept(trained_archive, str(FIXTURES))
