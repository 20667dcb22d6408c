"""AllenNLP's optimizers, schedulers, callbacks and trainer options, as in docs/training.md."""

import json
from pathlib import Path
from typing import Any, Dict, List

import pytest
import torch
from allennlp.commands.train import train_model
from allennlp.common import Params
from allennlp.training.callbacks import TrainerCallback
from allennlp.training.learning_rate_schedulers import LearningRateScheduler
from allennlp.training.momentum_schedulers import MomentumScheduler
from allennlp.training.moving_average import MovingAverage
from allennlp.training.optimizers import Optimizer

from sept_allennlp.archives import load_archive
from tests.experiments import QUICK, experiment

MULTI = {
    "optimizers": {"default": {"type": "sgd", "lr": 0.1}, "a": {"type": "adam"}},
    "parameter_groups": [[["weight"], {"optimizer_name": "a"}]],
}
OPTIMIZERS: Dict[str, Dict[str, Any]] = {
    "multi": MULTI,
    "sgd": {"lr": 0.1},
    "huggingface_adafactor": {"lr": None},
}
SCHEDULERS: Dict[str, Dict[str, Any]] = {
    "step": {"step_size": 1},
    "multi_step": {"milestones": [1, 2]},
    "exponential": {"gamma": 0.9},
    "noam": {"model_size": 8, "warmup_steps": 4},
    "cosine": {"t_initial": 3},
    "linear_with_warmup": {"warmup_steps": 2},
    "constant_with_warmup": {"num_warmup_steps": 2},
    "cosine_with_warmup": {"num_warmup_steps": 2, "num_training_steps": 20},
    "cosine_hard_restarts_with_warmup": {"num_warmup_steps": 2, "num_training_steps": 20},
    "combined": {
        "schedulers": [[2, {"type": "linear_with_warmup", "warmup_steps": 2}], [2, "constant"]]
    },
    "reduce_on_plateau": {"patience": 0},
}


def layer(sparse: bool = False) -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Embedding(4, 2, sparse=True) if sparse else torch.nn.Linear(4, 2)


@pytest.mark.filterwarnings("ignore:This implementation of AdamW is deprecated:FutureWarning")
@pytest.mark.parametrize("name", Optimizer.list_available())
def test_every_optimizer_steps(name: str) -> None:
    # The sparse one refuses dense gradients, by its purpose.
    module = layer(sparse=name == "sparse_adam")
    parameters = list(module.named_parameters())
    params = Params({"type": name, **OPTIMIZERS.get(name, {})})
    optimizer = Optimizer.from_params(params, model_parameters=parameters)
    before = [parameter.detach().clone() for _, parameter in parameters]
    inputs = torch.tensor([0, 1]) if name == "sparse_adam" else torch.ones(3, 4)
    for _ in range(2):
        optimizer.zero_grad()
        module(inputs).sum().backward()
        optimizer.step()
    after = [parameter for _, parameter in parameters]
    assert not all(torch.equal(old, new) for old, new in zip(before, after))
    optimizer.load_state_dict(optimizer.state_dict())


# AllenNLP's "combined" takes its first step when it is made.
@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")
@pytest.mark.parametrize("name", LearningRateScheduler.list_available())
def test_every_learning_rate_scheduler_steps(name: str) -> None:
    params = Params({"type": "sgd", "lr": 0.1})
    optimizer = Optimizer.from_params(params, model_parameters=list(layer().named_parameters()))
    scheduler = LearningRateScheduler.from_params(
        Params({"type": name, **SCHEDULERS.get(name, {})}),
        optimizer=optimizer,
        num_epochs=4,
        num_steps_per_epoch=5,
    )
    rates: List[float] = []
    for epoch in range(3):
        for batch in range(5):
            optimizer.step()
            scheduler.step_batch(epoch * 5 + batch)
            rates.append(optimizer.param_groups[0]["lr"])
        scheduler.step(0.5)
    rates.append(optimizer.param_groups[0]["lr"])
    assert (len(set(rates)) > 1) is (name != "constant")
    scheduler.load_state_dict(scheduler.state_dict())


def test_the_rate_falls_on_a_plateau() -> None:
    params = Params({"type": "sgd", "lr": 1.0})
    optimizer = Optimizer.from_params(params, model_parameters=list(layer().named_parameters()))
    params = Params({"type": "reduce_on_plateau", "mode": "max", "factor": 0.1, "patience": 1})
    scheduler = LearningRateScheduler.from_params(params, optimizer=optimizer)
    rates = []
    # The second best is not better; after two such epochs the rate is a tenth.
    for score in (0.3, 0.3, 0.2, 0.9):
        scheduler.step(score)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([1.0, 1.0, 0.1, 0.1])


@pytest.mark.parametrize("name", MomentumScheduler.list_available())
def test_every_momentum_scheduler_steps(name: str) -> None:
    params = Params({"type": "sgd", "lr": 0.1, "momentum": 0.9})
    optimizer = Optimizer.from_params(params, model_parameters=list(layer().named_parameters()))
    params = Params({"type": name, "cool_down": 2, "warm_up": 2})
    scheduler = MomentumScheduler.from_params(params, optimizer=optimizer)
    scheduler.step()
    assert optimizer.param_groups[0]["momentum"] != 0.9


@pytest.mark.parametrize("name", MovingAverage.list_available())
def test_every_moving_average_averages(name: str) -> None:
    module = layer()
    average = MovingAverage.from_params(
        Params({"type": name, "decay": 0.5}), parameters=list(module.named_parameters())
    )
    old = module.weight.detach().clone()
    with torch.no_grad():
        module.weight += 1.0
    average.apply()
    average.assign_average_value()
    torch.testing.assert_close(module.weight.detach(), old + 0.5)


CALLBACKS: Dict[str, Dict[str, Any]] = {
    "tensorboard": {"summary_interval": 1, "distribution_interval": 1},
    "wandb": {"project": "test", "summary_interval": 1, "distribution_interval": 1},
    "should_validate_callback": {"validation_start": 0},
}
# For models of their own, and tested there.
NOT_HERE = {"calibrate_threshold", "write_encoder", "record_batches"}
# The trainer adds it by itself, on a GPU.
NOT_HERE.add("mixed_precision_backward")
# For the adversarial models of AllenNLP, registered once another test imports them.
NOT_HERE.add("adversarial_bias_mitigator_backward")
IN_TESTS = {name for name in TrainerCallback.list_available() if name.endswith("_in_a_test")}


@pytest.mark.trains
@pytest.mark.parametrize(
    "name",
    sorted({*TrainerCallback.list_available()} - NOT_HERE - IN_TESTS),
)
def test_every_callback_trains(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    callback = {"type": name, **CALLBACKS.get(name, {})}
    run = tmp_path / "run"
    train_model(experiment({**QUICK, "trainer.callbacks": [callback]}), str(run))
    assert (run / "metrics.json").exists()
    if name == "tensorboard":
        assert list((run / "log").rglob("events.out.tfevents.*"))
    if name == "wandb":
        assert list((run / "wandb").glob("offline-run-*"))


@pytest.mark.trains
@pytest.mark.parametrize(
    "options",
    [
        {"num_gradient_accumulation_steps": 2, "grad_norm": 1.0, "grad_clipping": 0.1},
        {"grad_norm": True, "no_grad": [".*transformer_model.*"]},
        {"patience": 1, "validation_metric": "-loss", "num_epochs": 2},
        {"learning_rate_scheduler": {"type": "reduce_on_plateau", "mode": "max"}},
        {"momentum_scheduler": {"type": "inverted_triangular", "cool_down": 1, "warm_up": 1},
         "optimizer": {"type": "sgd", "lr": 0.1, "momentum": 0.9}},
        {"moving_average": {"type": "exponential"}, "enable_default_callbacks": False},
        {"checkpointer": {"save_every_num_batches": 1, "keep_most_recent_by_count": 1}},
        {"checkpointer": None, "run_confidence_checks": False},
        {"checkpointer": {"save_every_num_seconds": 0.01, "keep_most_recent_by_age": 1000}},
    ],
    ids=lambda options: "-".join(options),
)  # fmt: skip
def test_the_trainers_options(options: Dict[str, Any], tmp_path: Path) -> None:
    overrides = {f"trainer.{name}": value for name, value in options.items()}
    run = tmp_path / "run"
    train_model(experiment({**QUICK, **overrides}), str(run))
    assert json.loads((run / "metrics.json").read_text())["best_epoch"] is not None
    load_archive(run / "model.tar.gz")


def test_mixed_precision_in_float16_needs_a_gpu(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="AMP requires a cuda device"):
        train_model(experiment({**QUICK, "trainer.use_amp": True}), str(tmp_path / "run"))


@pytest.mark.trains
def test_other_data_loaders(tmp_path: Path) -> None:
    overrides = {
        "data_loader": {
            "batch_sampler": {"type": "bucket", "batch_size": 2, "sorting_keys": ["text"]}
        },
        "validation_data_loader": {"batch_size": 2, "max_instances_in_memory": 4},
    }
    train_model(experiment({**QUICK, **overrides}), str(tmp_path / "run"))
    assert (tmp_path / "run" / "model.tar.gz").exists()
