"""A teacher's annotations, and a student that is trained on them."""

import gzip
import json
from pathlib import Path
from typing import Any, Dict, List

import pytest
import torch
from allennlp.commands.train import train_model
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import Batch, DatasetReader

from sept_allennlp.archives import load_archive
from sept_allennlp.predictors import SEPTPredictor
from sept_allennlp.training.losses import soft_targets
from sept_runtime.formats.json_lines import dump_line
from sept_runtime.inference.json_lines import predict_lines
from tests.experiments import FIXTURES, experiment
from tests.sept_allennlp.training.recover_test import assert_same_result

TRAIN = str(FIXTURES / "abstracts" / "train.json")
# The tiny teacher is not sure of anything: about a half of all candidates reach it.
THRESHOLD = 0.4


@pytest.fixture(scope="module")
def gold(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a third of the annotated abstracts."""
    file = tmp_path_factory.mktemp("gold") / "train.json"
    file.write_text("".join(Path(TRAIN).read_text().splitlines(keepends=True)[:12]))
    return str(file)


@pytest.fixture(scope="module")
def annotated(trained_archive: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """
    Return a folder written by `allennlp sept-annotate`. Every line of one of its three shards
    failed.
    """
    folder = tmp_path_factory.mktemp("annotated")
    teacher = SEPTPredictor.from_path(trained_archive, soft_labels=THRESHOLD)
    lines = (FIXTURES / "raw_abstracts.jsonl").read_bytes().splitlines()
    outputs = map(dump_line, predict_lines(teacher, lines, teacher.decoding))
    written = [line.encode() for line in outputs]
    (folder / "annotations").mkdir()
    for number, shard in enumerate((written[:5], [], written[5:])):
        path = folder / "annotations" / f"000000-00000{number}.jsonl.gz"
        path.write_bytes(gzip.compress(b"".join(shard)))
    (folder / "errors").mkdir()
    (folder / "errors" / "000000-000001.jsonl").write_text('{"error": "no JSON"}\n')
    (folder / "run.json").write_text("{}")
    return str(folder)


@pytest.mark.trains
def test_a_student_learns_relations_from_the_teacher(
    gold: str, related_archive: str, tmp_path: Path
) -> None:
    options = {"soft_labels": THRESHOLD, "soft_relations": 0.1}
    teacher = SEPTPredictor.from_path(related_archive, **options)
    lines = (FIXTURES / "raw_abstracts.jsonl").read_bytes().splitlines()
    outputs = list(predict_lines(teacher, lines, teacher.decoding))
    annotated = tmp_path / "annotated.jsonl"
    annotated.write_text("".join(map(dump_line, outputs)))
    listed = [pair for each in outputs for pairs in each["soft_relations"] for pair in pairs]
    assert len(listed) > 100 and len(outputs[0]["soft_relation_labels"]) == 7
    assert min(p for pair in listed for p in pair[-1].values()) >= 0.1
    # What the teacher would predict is listed with its score.
    (found,) = [each for each in outputs if each["relations"]][:1]
    scores = {tuple(row[:4]): row[4] for rows in found["soft_relations"] for row in rows}
    for relation in found["relations"]:
        head, tail = (found["entities"][relation[end]] for end in ("head", "tail"))
        place = (head["start_word"], head["end_word"], tail["start_word"], tail["end_word"])
        assert scores[place][relation["label"]] == pytest.approx(relation["score"], abs=1e-4)

    data = [gold, str(annotated)]
    config = "student_minilm_relations.jsonnet"
    overrides = {"train_data_path": data, "trainer.num_epochs": 2}
    train_model(experiment(overrides, config), str(tmp_path / "run"))
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["best_epoch"] == 1 and "best_validation_rel_f1" in metrics

    # The student's loss on the teacher's documents falls when it learns from these alone.
    to_add = {"labels": outputs[0]["soft_ner_labels"]}
    to_add["relation_labels"] = outputs[0]["soft_relation_labels"]
    overrides = {
        "train_data_path": str(annotated),
        "validation_data_path": str(annotated),
        "vocabulary": {"tokens_to_add": to_add},
        "model.relations.loss_weight": 1.0,
        "trainer.num_epochs": 3,
        "trainer.moving_average": None,
        "trainer.optimizer.lr": 0.01,
    }
    train_model(experiment(overrides, config), str(tmp_path / "alone"))
    losses = [
        json.loads((tmp_path / "alone" / f"metrics_epoch_{epoch}.json").read_text())
        for epoch in (0, 2)
    ]
    assert losses[1]["validation_loss"] < losses[0]["validation_loss"]


def student(data: Any, **overrides: Any) -> Params:
    return experiment({"train_data_path": data, **overrides}, "student_minilm.jsonnet")


def test_a_teacher_writes_its_probabilities(annotated: str, trained_archive: str) -> None:
    archive = load_archive(trained_archive)
    model = archive.model.eval()
    reader = DatasetReader.from_params(student([]).pop("dataset_reader"))
    batch = Batch(list(reader.read(annotated)))
    assert len(batch.instances) == 8
    batch.index_instances(model.vocab)
    tensors = batch.as_tensor_dict()
    text, sentence_ids = tensors["text"], tensors["sentence_ids"]
    with torch.no_grad():
        scores = model.score_spans(text, sentence_ids)
    expected = scores.logits.softmax(dim=-1)
    # Other batches give other last digits.
    clear = (1 - expected[:, 0] - THRESHOLD).abs() > 1e-4
    unlikely = 1 - expected[:, 0] < THRESHOLD
    assert 0.1 < unlikely.float().mean() < 0.9
    expected[unlikely] = torch.eye(expected.size(1))[0]
    read = soft_targets(
        scores.spans,
        scores.mask,
        tensors["soft_labels"],
        sentence_ids.size(1),
        model._max_span_width,
    )[scores.mask]
    torch.testing.assert_close(read[clear], expected[clear], atol=4e-4, rtol=0)


@pytest.mark.trains
def test_a_student_learns_from_gold_and_from_the_teacher(
    gold: str, annotated: str, tmp_path: Path
) -> None:
    dev = str(FIXTURES / "abstracts" / "dev.json")
    params = student([gold, gold, annotated], **{"trainer.num_epochs": 2})
    assert params["trainer"]["callbacks"][-1] == "keep_last_epoch"
    train_model(params, str(tmp_path / "run"))
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["best_epoch"] == 1
    # The archive predicts as any other, and evaluates.
    archive = load_archive(tmp_path / "run" / "model.tar.gz")
    predictor = SEPTPredictor.from_archive(archive, "sept")
    output = predictor.predict_json({"text": "We use a parser."})
    assert "soft_ner" not in output and "entities" in output
    batch = Batch(list(archive.validation_dataset_reader.read(dev)))
    batch.index_instances(archive.model.vocab)
    assert torch.isfinite(archive.model(**batch.as_tensor_dict())["loss"])


@pytest.mark.trains
def test_a_student_needs_no_gold(annotated: str, tmp_path: Path) -> None:
    labels = json.loads(next(_lines(annotated)))["soft_ner_labels"]
    overrides = {
        "vocabulary": {"tokens_to_add": {"labels": labels}},
        "validation_data_path": annotated,
        "trainer.num_epochs": 4,
        "trainer.moving_average": None,
        "trainer.optimizer.lr": 0.01,
    }
    train_model(student(annotated, **overrides), str(tmp_path / "run"))

    def loss(epoch: int) -> float:
        metrics = json.loads((tmp_path / "run" / f"metrics_epoch_{epoch}.json").read_text())
        return metrics["validation_loss"]

    assert loss(3) < loss(0)


def _lines(annotated: str) -> Any:
    for shard in sorted(Path(annotated).glob("annotations/*")):
        yield from gzip.decompress(shard.read_bytes()).splitlines()


@pytest.mark.trains
def test_a_student_that_was_interrupted_ends_the_same(
    gold: str, annotated: str, tmp_path: Path
) -> None:
    data = [gold, annotated]
    train_model(student(data), str(tmp_path / "undisturbed"))
    interrupt = {"type": "interrupt_in_a_test", "epoch": 1, "batch": 4, "by": "ctrl-c"}
    callbacks = [*student(data).as_dict()["trainer"]["callbacks"], interrupt]
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train_model(student(data, **{"trainer.callbacks": callbacks}), str(run))
    (run / "config.json").write_text(json.dumps(student(data).as_dict()))
    train_model(student(data), str(run), recover=True)
    assert_same_result(run, tmp_path / "undisturbed")


@pytest.mark.parametrize(
    "line, expected",
    [
        (
            {"id": "a", "error": "no JSON", "line": 1},
            "line 1: document 'a': an input that could not be annotated",
        ),
        ({"id": "a", "text": "We train."}, "line 1: document 'a': the text is not annotated"),
        (
            {
                "doc_key": "a",
                "sentences": [["We", "train"]],
                "soft_ner": [[[0, 0, {"Verb": 0.5}]]],
                "soft_ner_labels": ["Verb"],
            },
            "line 1: document 'a': teacher and student have different entity labels, the",
        ),
    ],
)
def test_unusable_data_stops_training_in_one_line(
    line: Dict[str, Any], expected: str, tmp_path: Path
) -> None:
    file = tmp_path / "annotated.jsonl"
    file.write_text(json.dumps(line) + "\n")
    data: List[str] = [TRAIN, str(file)]
    with pytest.raises(ConfigurationError, match=f"annotated.jsonl, {expected}") as caught:
        train_model(student(data), str(tmp_path / "run"))
    assert "\n" not in str(caught.value)
