from typing import Dict

import pytest
import torch
from allennlp.common import Params
from allennlp.training.moving_average import MovingAverage
from allennlp.training.optimizers import Optimizer

SETTINGS = {
    "lr": 0.1,
    "weight_decay": 0.01,
    "parameter_groups": [[["bias"], {"lr": 0.01, "weight_decay": 0.0}]],
}


def trained_with(type_: str) -> torch.nn.Linear:
    torch.manual_seed(0)
    module = torch.nn.Linear(4, 3)
    inputs = torch.randn(8, 4)
    optimizer = Optimizer.from_params(
        Params({"type": type_, **SETTINGS}), model_parameters=list(module.named_parameters())
    )
    for _ in range(5):
        optimizer.zero_grad()
        module(inputs).pow(2).sum().backward()
        optimizer.step()
    return module


def test_updates_are_those_of_allennlps_adamw() -> None:
    ours, theirs = trained_with("fused_adamw"), trained_with("adamw")
    torch.testing.assert_close(ours.weight, theirs.weight)
    torch.testing.assert_close(ours.bias, theirs.bias)


def averages(type_: str, decay: float, counted: bool) -> Dict[str, torch.Tensor]:
    """Return a layer's averaged parameters after five random updates."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(4, 3)
    average = MovingAverage.from_params(
        Params({"type": type_, "decay": decay}), parameters=list(layer.named_parameters())
    )
    for number in range(1, 6):
        layer.reset_parameters()
        average.apply(number if counted else None)
    average.assign_average_value()
    return {name: parameter.detach().clone() for name, parameter in layer.named_parameters()}


@pytest.mark.parametrize("counted", [False, True])
# During the first counted updates the decay is smaller than the configured one.
@pytest.mark.parametrize("decay", [0.3, 0.9])
def test_averages_are_those_of_allennlp(decay: float, counted: bool) -> None:
    ours, theirs = (
        averages(type_, decay, counted) for type_ in ("recoverable_exponential", "exponential")
    )
    for name in theirs:
        torch.testing.assert_close(ours[name], theirs[name])
