from typing import Dict

import pytest
import torch
from allennlp.common import Params
from allennlp.training.moving_average import MovingAverage


def averages(type_: str, decay: float, counted: bool) -> Dict[str, torch.Tensor]:
    """What a layer's parameters are on average, whose every update draws new ones."""
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
# Behind the first updates that are counted the decay is less than what it is to be.
@pytest.mark.parametrize("decay", [0.3, 0.9])
def test_averages_are_those_of_allennlp(decay: float, counted: bool) -> None:
    ours, theirs = (
        averages(type_, decay, counted) for type_ in ("recoverable_exponential", "exponential")
    )
    for name in theirs:
        torch.testing.assert_close(ours[name], theirs[name])
