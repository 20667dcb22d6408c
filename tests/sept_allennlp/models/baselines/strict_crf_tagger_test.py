import itertools
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, List

import numpy
import pytest
import torch
from allennlp.commands import main
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import Batch, Vocabulary
from allennlp.models import Model
from allennlp.predictors import Predictor

from sept_allennlp.archives import load_archive
from sept_runtime.documents import AnnotatedSpan, Document
from sept_runtime.options import Decoding
from tests.experiments import FIXTURES, QUICK_TAGGER
from tests.sept_allennlp.models.checks import EntityModelChecks, tensors

LABELS = ["Method", "Task"]
TAGS = ["O", "B-Method", "I-Method", "B-Task", "I-Task"]
OUT, B_METHOD, I_METHOD, B_TASK, I_TASK = range(5)
TEXT = "We use a parser (fast) for parsing. It works, e.g. on long documents of any kind!"


class TestStrictCrfTagger(EntityModelChecks):
    config = "crf_scibert.jsonnet"


@pytest.fixture(scope="session")
def crf_archive(train_once: Callable[..., str]) -> str:
    """Return the archive of a briefly trained tagger over words: mostly wrong, with low scores."""
    return train_once("crf", {**QUICK_TAGGER, "data_loader.batch_size": 12}, "crf_glove.jsonnet")


def words_model(**model: Any) -> Model:
    """Return a tagger over word embeddings with a vocabulary of two labels."""
    vocab = Vocabulary(tokens_to_add={"labels": LABELS, "tokens": ["we", "use", "parsers"]})
    params = {
        "type": "strict_crf_tagger",
        "text_field_embedder": {
            "token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 4}}
        },
        "encoder": {"type": "lstm", "hidden_size": 3, "bidirectional": True},
        **model,
    }
    return Model.from_params(Params(params), vocab=vocab)


def outputs(model: Model, batch: Dict[str, Any]) -> Dict[str, Any]:
    model.eval()
    with torch.no_grad():
        return model(**batch)


def spans(entities: List[Any]) -> List[Any]:
    return [entity[:3] for entity in entities]


def emit(model: Model, monkeypatch: pytest.MonkeyPatch, *rows: List[int], by: float = 9.0) -> None:
    """Make the model score these tags of each document's words high, and any transition 0."""
    width = max(map(len, rows))
    logits = torch.zeros(len(rows), width, len(TAGS))
    for row, tags in zip(logits, rows):
        row[range(len(tags)), tags] = by
    monkeypatch.setattr(model, "_emissions", lambda text, mask: logits)
    with torch.no_grad():
        for name in ("transitions", "start_transitions", "end_transitions"):
            getattr(model.crf, name).zero_()


DOCUMENT = Document(
    key="d",
    sentences=[["we", "use", "parsers"], ["we", "parsers"]],
    entities=[AnnotatedSpan(1, 2, "Method"), AnnotatedSpan(3, 4, "Task")],
)
# The Task inside the Method cannot be tagged beside it.
NESTED = Document(
    key="n",
    sentences=[["we", "use", "parsers"]],
    entities=[AnnotatedSpan(2, 2, "Task"), AnnotatedSpan(1, 2, "Method")],
)
EMPTY = Document(key="", sentences=[], entities=[])


def test_the_loss_is_that_of_the_tags_and_the_mean_over_documents() -> None:
    torch.manual_seed(1)
    model = words_model().eval()
    other = Document(key="e", sentences=[["we"]], entities=[])
    unannotated = Document(key="f", sentences=[["we", "use"]])
    batch = tensors(model, DOCUMENT, EMPTY, other, unannotated)
    logits = model._emissions(batch["text"], batch["sentence_ids"] != -1).detach()
    crf = model.crf

    def score(row: torch.Tensor, tags: Any) -> torch.Tensor:
        emitted = sum(row[word, tag] for word, tag in enumerate(tags))
        moved = sum(crf.transitions[a, b] for a, b in zip(tags, tags[1:]))
        return emitted + moved + crf.start_transitions[tags[0]] + crf.end_transitions[tags[-1]]

    expected = []
    for row, tags in (
        (logits[0], [OUT, B_METHOD, I_METHOD, B_TASK, I_TASK]),
        (logits[2], [OUT]),
    ):
        every = [score(row, other) for other in itertools.product(range(5), repeat=len(tags))]
        expected.append((torch.stack(every).logsumexp(0) - score(row, tags)).item())
    loss = outputs(model, batch)["loss"].item()
    assert loss == pytest.approx(sum(expected) / 2, rel=1e-5)


def test_the_best_tags_become_entities_with_their_probabilities(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = words_model()
    emit(model, monkeypatch, [OUT, B_METHOD, I_METHOD, B_METHOD, B_TASK], [], [B_TASK], by=2.0)
    unannotated = Document(key="f", sentences=[["we"]])
    output = outputs(model, tensors(model, DOCUMENT, EMPTY, unannotated))
    assert spans(output["entities"][0]) == [(1, 2, "Method"), (3, 3, "Method"), (4, 4, "Task")]
    assert spans(output["entities"][1]) == []
    assert spans(output["entities"][2]) == [(0, 0, "Task")]
    # A first word has three valid tags.
    (only,) = output["entities"][2]
    assert only.score == pytest.approx(numpy.exp(2) / (numpy.exp(2) + 2))
    assert all(0 < entity.score < 1 for entity in output["entities"][0])
    readable = model.make_output_human_readable(output)["tags"]
    assert readable == [["O", "B-Method", "I-Method", "B-Method", "B-Task"], [], ["B-Task"]]


def test_decoding_allows_only_valid_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    model = words_model()
    # I- tags without a beginning, with another label, and in the next sentence.
    emit(model, monkeypatch, [I_METHOD, B_TASK, I_METHOD, I_METHOD, I_METHOD])
    output = outputs(model, tensors(model, DOCUMENT))
    (tags,) = output["tags"]
    # The first word of a sentence begins an entity or none.
    assert tags[0] in (OUT, B_METHOD, B_TASK) and tags[3] in (OUT, B_METHOD, B_TASK)
    assert spans(output["entities"][0])
    for start, end, _ in spans(output["entities"][0]):
        assert (start < 3) == (end < 3)


def test_a_gold_entity_that_tags_cannot_express_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    model = words_model()
    emit(model, monkeypatch, [OUT, B_METHOD, I_METHOD, B_TASK, OUT], [OUT, B_METHOD, I_METHOD])
    unannotated = Document(key="f", sentences=[["we"]])
    outputs(model, tensors(model, DOCUMENT, NESTED))
    metrics = model.get_metrics()
    # Of five words and three seven tags are right; of three predicted entities two; of the three
    # that can be tagged two, of all four two.
    assert metrics["accuracy"] == pytest.approx(7 / 8)
    assert metrics["precision-overall"] == metrics["precision"] == pytest.approx(2 / 3)
    assert metrics["recall-overall"] == pytest.approx(2 / 3)
    assert metrics["f1-measure-overall"] == pytest.approx(2 / 3)
    assert metrics["recall"] == pytest.approx(2 / 4)
    assert metrics["f1"] == pytest.approx(4 / 7)
    assert "recall-Task" not in metrics
    # What is not annotated and what has no words changes nothing.
    emit(model, monkeypatch, [B_METHOD], [])
    outputs(model, tensors(model, unannotated, EMPTY))
    at_the_end = model.get_metrics(reset=True)
    assert metrics.items() <= at_the_end.items()
    assert at_the_end["recall-Method"] == 1.0
    assert at_the_end["recall-Task"] == 0.0
    assert model.get_metrics()["recall"] == model.get_metrics()["recall-overall"] == 0.0


def test_empty_documents_have_no_loss_and_no_entities() -> None:
    model = words_model()
    model.train()
    loss = model(**tensors(model, EMPTY, EMPTY))["loss"]
    assert loss.item() == 0.0
    loss.backward()
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    assert all(weight.grad is not None for weight in weights)
    assert outputs(model, tensors(model, EMPTY))["entities"] == [[]]
    alone = outputs(model, tensors(model, DOCUMENT))
    beside = outputs(model, tensors(model, EMPTY, DOCUMENT))
    assert [spans(found) for found in beside["entities"]] == [[], spans(alone["entities"][0])]
    assert beside["loss"].item() == pytest.approx(alone["loss"].item())


def test_nothing_is_scored_that_is_not_annotated() -> None:
    model = words_model()
    output = outputs(model, tensors(model, Document(key="d", sentences=[["we", "use"]])))
    assert "loss" not in output
    assert len(output["tags"][0]) == 2


def test_training_on_a_document_that_is_not_annotated_is_refused() -> None:
    model = words_model()
    document = Document(key="d", sentences=[["we"]], origin="f.json, line 3")
    model.train()
    with pytest.raises(ConfigurationError, match="f.json, line 3: document 'd'.*without 'ner'"):
        model(**tensors(model, document))


def test_labels_that_the_model_does_not_learn_are_refused() -> None:
    model = words_model()
    with pytest.raises(
        ConfigurationError, match="finds no relations: set dataset_reader.relations"
    ):
        model(**tensors(model, DOCUMENT, relations=True))
    with pytest.raises(ConfigurationError, match="set dataset_reader.soft_labels to false"):
        model(**tensors(model, DOCUMENT, soft_labels=True))


def test_a_model_in_training_has_no_metrics() -> None:
    model = words_model().train()
    assert set(model(**tensors(model, DOCUMENT))) == {"loss"}
    assert model.get_metrics() == {}


def test_options(monkeypatch: pytest.MonkeyPatch) -> None:
    model = words_model(decoding={"top_labels": 5})
    emit(model, monkeypatch, [OUT, B_METHOD, I_METHOD, OUT, B_TASK], by=3.0)
    batch = tensors(model, DOCUMENT)
    (plain,) = outputs(model, batch)["entities"]
    assert [[label for label, _ in entity.labels] for entity in plain] == [LABELS, LABELS[::-1]]
    assert all(entity.labels[0] == (entity.label, entity.score) for entity in plain)
    low, high = sorted(entity.score for entity in plain)
    strict = Decoding(flat=True, min_score=(low + high) / 2)
    with torch.no_grad():
        (found,) = model.predict(batch["text"], batch["sentence_ids"], strict)
    assert [e.score for e in found.entities] == [high]
    # What the model itself does is as before.
    assert outputs(model, batch)["entities"] == [plain]


def test_soft_labels_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="get soft labels from a model that scores spans"):
        replace(words_model().decoding, soft_labels=0.01)


def test_the_tags_of_the_vocabulary_follow_from_its_labels() -> None:
    vocab = words_model().vocab
    tags = vocab.get_index_to_token_vocabulary("bio_tags")
    assert [tags[index] for index in range(len(tags))] == TAGS
    with pytest.raises(ConfigurationError, match="'bio' must hold the tags.*@@PADDING@@"):
        words_model(tag_namespace="bio")


def test_an_archive_holds_the_same_tagger(crf_archive: str) -> None:
    metrics = json.loads(Path(crf_archive).with_name("metrics.json").read_text())
    assert metrics["best_validation_recall"] > 0
    archive = load_archive(crf_archive)
    vocab = archive.model.vocab
    labels = vocab.get_index_to_token_vocabulary("labels")
    assert vocab.get_vocab_size("bio_tags") == 1 + 2 * len(labels)
    for index, label in labels.items():
        assert vocab.get_token_index(f"B-{label}", "bio_tags") == 2 * index + 1
    batch = Batch(archive.validation_dataset_reader.read(FIXTURES / "abstracts" / "dev.json"))
    batch.index_instances(vocab)
    outputs(archive.model, batch.as_tensor_dict())
    for name, value in archive.model.get_metrics(reset=True).items():
        assert value == pytest.approx(metrics[f"best_validation_{name}"])


def test_raw_text_is_annotated(
    crf_archive: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    lines = [{"id": n, "text": " ".join([TEXT] * n)} for n in (3, 1)]
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))
    arguments = ["predict", crf_archive, str(source), "--output-file", str(target), "--silent"]
    monkeypatch.setattr(sys, "argv", ["allennlp", *arguments])
    main()
    annotated = [json.loads(line) for line in target.read_text().splitlines()]
    assert [output["id"] for output in annotated] == [3, 1]
    assert all(output["entities"] for output in annotated)
    for output in annotated:
        last = -1
        for entity in output["entities"]:
            assert output["text"][entity["start"] : entity["end"]] == entity["text"]
            assert 0.0 < entity["score"] <= 1.0
            assert last < entity["start_word"] <= entity["end_word"]
            last = entity["end_word"]


def test_options_of_prediction(crf_archive: str) -> None:
    archive = load_archive(crf_archive)
    plain = Predictor.from_archive(archive).predict_json({"text": TEXT})["entities"]
    limit = max(entity["score"] for entity in plain)
    strict = Predictor.from_archive(archive, extra_args={"min_score": limit, "top_labels": 2})
    (best,) = strict.predict_json({"text": TEXT})["entities"]
    assert best["score"] == limit
    assert len(best["labels"]) == 2
    with pytest.raises(ConfigurationError, match="its entities never overlap"):
        Predictor.from_archive(archive, extra_args={"flat": False})


@pytest.mark.parametrize("text", ["x", "\x00 \x07.", "half a \ud800 character", "word " * 3000])
def test_odd_text_is_annotated(crf_archive: str, text: str) -> None:
    output = Predictor.from_path(crf_archive).predict_json({"text": text})
    assert "error" not in output
    for entity in output["entities"]:
        assert text[entity["start"] : entity["end"]] == entity["text"]
