import functools
import json
from pathlib import Path
from typing import Any, Dict

import pytest
import torch
from allennlp.commands.train import train_model
from allennlp.common.checks import ConfigurationError

from sept_allennlp.modules import bfloat16
from tests.experiments import QUICK, QUICK_TAGGER, SIX_BATCHES, experiment
from tests.sept_allennlp.training.recover_test import assert_same_result, final_weights

BFLOAT16 = {"trainer.type": "bfloat16"}


@pytest.fixture(autouse=True)
def any_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any can imitate the instructions, which is slow and does for a tiny encoder."""
    monkeypatch.setattr(bfloat16, "has_bfloat16", lambda device: True)


def train(run: Path, overrides: Dict[str, Any], recover: bool = False) -> None:
    train_model(experiment(overrides), str(run), recover=recover)


@pytest.mark.trains
def test_training_is_in_bfloat16_and_validation_is_not(tmp_path: Path) -> None:
    # Nothing is learned, so that both validate the same weights.
    still = {
        **QUICK,
        "trainer.optimizer": {"type": "sgd", "lr": 0.0},
        "trainer.learning_rate_scheduler": None,
        "trainer.moving_average": None,
    }
    train(tmp_path / "float32", still)
    train(tmp_path / "bfloat16", {**still, **BFLOAT16})
    expected, metrics = (
        json.loads((tmp_path / name / "metrics.json").read_text())
        for name in ("float32", "bfloat16")
    )
    assert metrics["validation_loss"] == expected["validation_loss"]
    assert metrics["training_loss"] != expected["training_loss"]
    assert metrics["training_loss"] == pytest.approx(expected["training_loss"], rel=0.01)


@pytest.mark.trains
def test_a_recovered_run_equals_an_undisturbed_one(tmp_path: Path) -> None:
    epochs = {"trainer.num_epochs": 3, **SIX_BATCHES, **BFLOAT16}
    train(tmp_path / "undisturbed", epochs)
    weights = final_weights(tmp_path / "undisturbed")
    # Nothing is kept in bfloat16; the calibration of the scores is in float64.
    assert torch.bfloat16 not in {weight.dtype for weight in weights.values()}

    run = tmp_path / "run"
    interrupt = {"type": "interrupt_in_a_test", "epoch": 1, "batch": 4, "by": "ctrl-c"}
    # AllenNLP restores callbacks by their positions.
    callbacks = [*experiment(epochs).as_dict(quiet=True)["trainer"]["callbacks"], interrupt]
    checkpoints = {"trainer.checkpointer": {"save_every_num_batches": 2}}
    with pytest.raises(KeyboardInterrupt):
        train(run, {**epochs, "trainer.callbacks": callbacks, **checkpoints})
    (run / "config.json").write_text(json.dumps(experiment({**epochs, **checkpoints}).as_dict()))
    train(run, {**epochs, **checkpoints}, recover=True)
    assert_same_result(run, tmp_path / "undisturbed")


@pytest.mark.processes
def test_two_processes_train_in_bfloat16_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not torch.cuda.is_available():
        fork = functools.partial(torch.multiprocessing.start_processes, start_method="fork")
        monkeypatch.setattr("torch.multiprocessing.spawn", fork)
    runs = {name: tmp_path / name for name in ("float32", "bfloat16")}
    for name, run in runs.items():
        overrides = {
            "trainer.type": {"float32": "gradient_descent"}.get(name, name),
            "trainer.num_epochs": 1,
            **SIX_BATCHES,
            "distributed": {"cuda_devices": [-1, -1]},
        }
        train_model(experiment(overrides), str(run), include_package=["sept_allennlp"])
    expected, weights = (final_weights(run) for run in runs.values())
    name = "_feedforward._linear_layers.0.weight"
    assert not torch.equal(weights[name], expected[name])
    torch.testing.assert_close(weights[name], expected[name], rtol=0, atol=0.01)


def test_unsupported_bfloat16_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(message: str, name: str, overrides: Dict[str, Any], **config: str) -> None:
        params = experiment({**overrides, **BFLOAT16}, **config)
        with pytest.raises(ConfigurationError, match=message) as caught:
            train_model(params, str(tmp_path / name))
        assert "\n" not in str(caught.value.message)

    refuse("remove one of them", "amp", {"trainer.use_amp": True})
    refuse("this model has none", "glove", QUICK_TAGGER, config="crf_glove.jsonnet")
    monkeypatch.setattr(bfloat16, "has_bfloat16", lambda device: False)
    refuse("this processor has no instructions for bfloat16", "old", {})
