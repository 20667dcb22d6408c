import logging
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import pytest
from allennlp.commands.train import train_model
from allennlp.common import logging as allennlp_logging

from sept_allennlp.training import console
from sept_allennlp.training.callbacks.report_progress import score_table, settings
from tests.experiments import CONFIGS, ENVIRONMENT, QUICK, ROOT, experiment


@pytest.mark.trains
def test_a_training_prints_a_line_for_each_epoch_and_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    # A rate of zero, so that nothing is ever found.
    still = {"trainer.optimizer.lr": 0.0, "trainer.optimizer.parameter_groups": None}
    decoding = {"model.decoding.min_score": 1.0, "trainer.num_epochs": 3}
    train_model(experiment({**QUICK, **still, **decoding}), str(run))
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0] == f"encoder         {ENVIRONMENT['SEPT_ENCODER']}"
    assert "seed            13370" in lines
    assert f"log             {run}/out.log" in lines
    epochs = [line for line in lines if line.startswith("epoch ")]
    assert [line.split()[1] for line in epochs[:3]] == ["1/3", "2/3", "3/3"]
    assert "F1 0 (best)" in epochs[0] and epochs[2].endswith("0:00:00 left")
    # Once, after the third.
    assert out.count("F1 has been 0 for 3 epochs") == 1
    assert lines[-1] == f"The model is {run}/model.tar.gz"
    # The batches' metrics. Other tests in this process may have silenced AllenNLP's parameters.
    log = (run / "out.log").read_text()
    assert "batch_loss" in log
    assert len(lines) < 30 and "INFO" not in out + err


METRICS = {
    "best_epoch": 4,
    "best_validation_precision": 0.5,
    "best_validation_recall": 0.25,
    "best_validation_f1": 1 / 3,
    "best_validation_precision-Method": 1.0,
    "best_validation_recall-Method": 0.0,
    "best_validation_f1-Method": 0.0,
    "best_validation_rel_precision": 0.125,
    "best_validation_rel_recall": 0.5,
    "best_validation_rel_f1": 0.2,
    "best_validation_loss": 12.0,
}


def test_the_table_of_the_best_epoch() -> None:
    assert score_table(METRICS) == [
        "epoch 5          precision     recall         F1",
        "all entities        0.5000     0.2500     0.3333",
        "Method              1.0000     0.0000     0.0000",
        "all relations       0.1250     0.5000     0.2000",
    ]
    assert score_table({"best_epoch": 0, "best_validation_loss": 1.0}) == []


def test_the_settings_name_each_encoder_once() -> None:
    embedder = {"token_embedders": {"tokens": {"type": "word_pieces", "model_name": "a/b"}}}
    config: Dict[str, Any] = {
        "model": {"text_field_embedder": embedder, "span_filter": {"model_name": "a/b"}},
        "train_data_path": "train.json",
        "pytorch_seed": 3,
    }
    assert dict(settings(config)) == {"encoder": "a/b", "train data": "train.json", "seed": 3}


def test_an_uncaught_error_is_one_line_and_its_traceback_is_in_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    handlers, hook, level = root.handlers, sys.excepthook, root.level
    try:
        allennlp_logging.prepare_global_logging(str(tmp_path))
        error = console.EXPLAINED[0]("what to do")
        sys.excepthook(type(error), error, None)
    finally:
        root.handlers, sys.excepthook = handlers, hook
        root.setLevel(level)
    assert capsys.readouterr().err == f"error: what to do\n(traceback: {tmp_path}/out.log)\n"
    assert "Uncaught exception" in (tmp_path / "out.log").read_text()


@pytest.mark.processes
def test_a_mistake_before_the_training_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    config = str(CONFIGS / "sept_minilm.jsonnet")
    command = [sys.executable, "-m", "allennlp", "train", config, "-s", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].startswith(f"error: Serialization directory ({tmp_path})")
    assert "Traceback" not in run.stderr
