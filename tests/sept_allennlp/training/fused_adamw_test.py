import torch
from allennlp.common import Params
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


def test_updates_are_those_of_allennlps_adamw():
    ours, theirs = trained_with("fused_adamw"), trained_with("adamw")
    torch.testing.assert_close(ours.weight, theirs.weight)
    torch.testing.assert_close(ours.bias, theirs.bias)
