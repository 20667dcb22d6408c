import functools
import json
import os
import signal
import time
from pathlib import Path
from typing import Any, Dict, List

import _jsonnet
import pytest
import torch
from allennlp.commands.evaluate import evaluate_from_archive
from allennlp.commands.train import train_model
from allennlp.common import Params
from allennlp.common.util import find_open_port

from tests.experiments import CONFIGS, FIXTURES, QUICK_TAGGER, experiment

pytestmark = pytest.mark.processes

# Seven documents do not divide by two: AllenNLP alone would leave the last out.
NUM_DEV = 7


@pytest.fixture(autouse=True)
def quick_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Fork the training processes, as AllenNLP's own tests do on CPUs, so that they need not import
    everything again.
    """
    # What CUDA has begun in this process does not survive a fork.
    if not torch.cuda.is_available():
        fork = functools.partial(torch.multiprocessing.start_processes, start_method="fork")
        monkeypatch.setattr("torch.multiprocessing.spawn", fork)


@pytest.fixture
def odd_data(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    data.mkdir()
    for split, size in (("train", 5), ("dev", NUM_DEV)):
        lines = (FIXTURES / "abstracts" / f"{split}.json").read_text().splitlines()
        (data / f"{split}.json").write_text("\n".join(lines[:size]) + "\n")
    return data


# So much that there is something to count.
TRAINING = {
    "sept_minilm.jsonnet": {"trainer.num_epochs": 2, "trainer.optimizer.lr": 0.01},
    "span_filter_light.jsonnet": {"trainer.num_epochs": 5, "model.threshold": 0.05},
    "crf_glove.jsonnet": {**QUICK_TAGGER, "trainer.num_epochs": 6, "trainer.optimizer.lr": 0.06},
}


@pytest.mark.parametrize("config", TRAINING)
def test_two_processes_report_the_metrics_of_the_whole_dev_set(
    config: str, odd_data: Path, tmp_path: Path
) -> None:
    overrides: Dict[str, Any] = {
        "train_data_path": str(odd_data / "train.json"),
        "validation_data_path": str(odd_data / "dev.json"),
        # So that one process has a batch of nothing but the empty document that evens the shares.
        "data_loader.batch_size": 1,
        "validation_data_loader.batch_size": 1,
        "distributed": {"cuda_devices": [-1, -1]},
        **TRAINING[config],
    }
    run = tmp_path / "run"
    train_model(experiment(overrides, config), str(run), include_package=["sept_allennlp"])
    distributed = json.loads((run / "metrics.json").read_text())

    single = evaluate_from_archive(run / "model.tar.gz", str(odd_data / "dev.json"))
    names = [name for name in single if name != "loss"]
    assert "recall" in names
    for name in names:
        assert distributed[f"best_validation_{name}"] == pytest.approx(single[name]), name
    assert single["recall"] > 0
    if not config.startswith("span_filter"):
        kept = [json.loads(line) for line in (run / "validation_predictions.jsonl").open()]
        expected = [json.loads(line) for line in (odd_data / "dev.json").open()]
        assert {line["doc_key"] for line in kept} == {line["doc_key"] for line in expected}
        assert len(kept) == NUM_DEV


def distributed(**options: Any) -> Dict[str, Any]:
    """Return the settings that `distributed.libsonnet` adds."""
    arguments = ", ".join(f"{name}={json.dumps(value)}" for name, value in options.items())
    snippet = f"(import '{CONFIGS}/distributed.libsonnet')({arguments})"
    return json.loads(_jsonnet.evaluate_snippet("snippet", snippet))["distributed"]


def test_the_fragment_names_devices_and_machines() -> None:
    assert distributed(devices=3) == {"cuda_devices": [0, 1, 2], "num_nodes": 1}
    assert distributed(devices=2, machines=4, primary="10.0.0.1", port=5000) == {
        "cuda_devices": [0, 1],
        "num_nodes": 4,
        "primary_address": "10.0.0.1",
        "primary_port": 5000,
    }
    with pytest.raises(RuntimeError, match="several machines need the address"):
        distributed(devices=2, machines=2)


def recorded(run: Path) -> List[List[Dict[str, Any]]]:
    return [
        [json.loads(line) for line in (run / f"rank{rank}.jsonl").read_text().splitlines()]
        for rank in (0, 1)
    ]


def test_each_process_reads_different_documents_and_has_different_random_numbers(
    odd_data: Path, tmp_path: Path
) -> None:
    def train(run: Path) -> List[List[Dict[str, Any]]]:
        overrides = {
            "train_data_path": str(odd_data / "train.json"),
            "validation_data_path": str(odd_data / "dev.json"),
            "data_loader.batch_size": 2,
            "distributed": distributed(devices=2, cpu=True),
            "trainer.callbacks": ["archive_encoder", "reproducible_randomness", "record_batches"],
        }
        packages = ["sept_allennlp", "tests.sept_allennlp.training.recording"]
        train_model(experiment(overrides), str(run), include_package=packages)
        return recorded(run)

    ranks = train(tmp_path / "first")
    lines = (odd_data / "train.json").read_text().splitlines()
    everything = sorted(json.loads(line)["doc_key"] for line in lines)
    for epoch in (0, 1):
        shares = [
            [key for batch in batches if batch["epoch"] == epoch for key in batch["documents"]]
            for batches in ranks
        ]
        # The one empty document evens the shares.
        assert sorted(sum(shares, [])) == ["", *everything]
        assert len(shares[0]) == len(shares[1]) == 3

    draws = [tuple(batch["draws"]) for batches in ranks for batch in batches]
    # Two processes, two epochs, two batches.
    assert len(set(draws)) == len(draws) == 8
    assert train(tmp_path / "second") == ranks


def test_a_step_of_two_processes_is_one_of_a_batch_twice_as_large(
    odd_data: Path, tmp_path: Path
) -> None:
    lines = (odd_data / "train.json").read_text().splitlines()
    (odd_data / "train.json").write_text("\n".join(lines[:2]) + "\n")

    def train(name: str, batch_size: int, **overrides: Any) -> Dict[str, torch.Tensor]:
        plain = {
            "train_data_path": str(odd_data / "train.json"),
            "validation_data_path": str(odd_data / "dev.json"),
            "data_loader.batch_size": batch_size,
            "model.span_sampler": {"type": "all_spans"},
            "model.embedding_dropout": 0.0,
            "model.text_field_embedder.token_embedders.tokens.transformer_kwargs": {
                "hidden_dropout_prob": 0.0,
                "attention_probs_dropout_prob": 0.0,
            },
            "trainer.optimizer": {"type": "sgd", "lr": 0.01},
            "trainer.learning_rate_scheduler": None,
            "trainer.moving_average": None,
            "trainer.num_epochs": 1,
        }
        params = experiment({**plain, **overrides})
        train_model(params, str(tmp_path / name), include_package=["sept_allennlp"])
        return torch.load(tmp_path / name / "best.th", weights_only=True)

    two = train("two", 1, distributed=distributed(devices=2, cpu=True))
    one = train("one", 2)
    half = train("half", 1)
    assert two.keys() == one.keys()
    for name in two:
        torch.testing.assert_close(two[name], one[name], msg=name)
    assert any(not torch.allclose(half[name], one[name], rtol=1e-3) for name in one)


def train_on_the_other(_: int, config: Dict[str, Any], folder: Path) -> None:
    run = str(folder / "1")
    train_model(Params(config), run, node_rank=1, include_package=["sept_allennlp"])


def test_two_machines(odd_data: Path, tmp_path: Path) -> None:
    several = distributed(
        devices=1, machines=2, primary="127.0.0.1", port=find_open_port(), cpu=True
    )
    overrides = {
        "train_data_path": str(odd_data / "train.json"),
        "validation_data_path": str(odd_data / "dev.json"),
        "trainer.num_epochs": 1,
        "distributed": several,
    }
    config = experiment(overrides).as_dict(quiet=True)
    other = torch.multiprocessing.spawn(train_on_the_other, (config, tmp_path), join=False)
    try:
        train_model(Params(config), str(tmp_path / "0"), include_package=["sept_allennlp"])
        # Raises what was raised there.
        assert other.join()
    finally:
        for process in other.processes:
            process.kill()
    here, there = (torch.load(tmp_path / node / "best.th", weights_only=True) for node in "01")
    assert all(torch.equal(here[name], there[name]) for name in here)
    reported = json.loads((tmp_path / "0" / "metrics.json").read_text())
    single = evaluate_from_archive(tmp_path / "0" / "model.tar.gz", str(odd_data / "dev.json"))
    assert reported["best_validation_recall"] == pytest.approx(single["recall"])
    assert reported["best_validation_f1"] == pytest.approx(single["f1"])


def test_no_process_trains_on_when_the_command_is_killed(odd_data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    overrides: Dict[str, Any] = {
        "train_data_path": str(odd_data / "train.json"),
        "validation_data_path": str(odd_data / "dev.json"),
        "trainer.num_epochs": 1000,
        "distributed": distributed(devices=2, cpu=True),
    }
    params = experiment(overrides)
    # Held by the command and by all processes that it starts.
    alive, held = os.pipe()
    command = os.fork()
    if command == 0:
        os.close(alive)
        train_model(params, str(run), include_package=["sept_allennlp"])
        os._exit(0)
    os.close(held)
    try:
        while not (run / "best.th").exists():
            assert os.waitpid(command, os.WNOHANG) == (0, 0), "the training ended"
            time.sleep(0.1)
    finally:
        os.kill(command, signal.SIGKILL)
        os.waitpid(command, 0)
    with os.fdopen(alive, "rb") as end:
        # Ends when the last process has ended.
        assert end.read() == b""
    count = len(list(run.glob("metrics_epoch_*.json")))
    time.sleep(0.5)
    assert len(list(run.glob("metrics_epoch_*.json"))) == count < 1000
