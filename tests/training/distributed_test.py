import json
from pathlib import Path
from typing import Any, Dict

import pytest
from allennlp.commands.evaluate import evaluate_from_archive
from allennlp.commands.train import train_model

from tests.experiments import FIXTURES, QUICK_TAGGER, experiment

# Seven documents do not divide by two: AllenNLP alone would leave the last out.
NUM_DEV = 7


@pytest.fixture(autouse=True)
def one_thread_for_each_process(monkeypatch: pytest.MonkeyPatch) -> None:
    # Processes that take all cores each are in each other's way.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


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
    "crf_glove.jsonnet": {**QUICK_TAGGER, "trainer.num_epochs": 12},
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
