from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import Linear, Module, Sequential

from sept_allennlp.predictors import onednn
from sept_allennlp.predictors.onednn import OneDNNLinear, onednn_is_faster, use_onednn


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Module:
    if not torch.backends.mkldnn.is_available():
        pytest.skip("this PyTorch has no oneDNN")
    torch.manual_seed(3)
    layers = Sequential(Linear(5, 7), Linear(7, 4, bias=False))
    monkeypatch.setattr(onednn, "onednn_is_faster", lambda: True)
    use_onednn(layers)
    return layers


@pytest.mark.parametrize("shape", [(5,), (1, 5), (3, 5), (2, 3, 5), (0, 5), (2, 0, 5)])
def test_the_result_is_that_of_matrices(model: Module, shape: Any) -> None:
    inputs = torch.randn(shape)
    first, second = model
    expected = (inputs @ first.weight.T + first.bias) @ second.weight.T
    with torch.no_grad():
        torch.testing.assert_close(model(inputs), expected)
    torch.testing.assert_close(model(inputs), expected)


def test_inputs_in_any_layout(model: Module) -> None:
    inputs = torch.randn(5, 6, 2)
    with torch.no_grad():
        for view in (inputs.permute(2, 1, 0), inputs.permute(1, 2, 0)[::2], inputs[:, :1, 0].T):
            torch.testing.assert_close(model(view), model(view.contiguous()))


def test_it_is_onednn_that_multiplies(model: Module) -> None:
    def operations() -> set:
        with torch.profiler.profile() as profile:
            model(torch.randn(3, 5))
        return {event.key for event in profile.key_averages()}

    with torch.no_grad():
        assert "mkldnn::_linear_pointwise" in operations()
    assert "mkldnn::_linear_pointwise" not in operations()


def test_it_trains_and_is_saved_like_any_other(model: Module) -> None:
    assert list(model.state_dict()) == ["0.weight", "0.bias", "1.weight"]
    inputs = torch.randn(3, 5)
    with torch.no_grad():
        before = model(inputs)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model(inputs).sum().backward()
    optimizer.step()
    with torch.no_grad():
        after = model(inputs)
    # Not the weights of before.
    assert not torch.allclose(after, before)
    torch.testing.assert_close(after, model(inputs).detach())


def test_other_numbers_are_left_to_torch(model: Module) -> None:
    inputs = torch.randn(3, 5)
    with torch.no_grad():
        expected = model(inputs)
        with torch.autocast("cpu", torch.bfloat16):
            assert model(inputs).dtype == torch.bfloat16
        torch.testing.assert_close(model.double()(inputs.double()).float(), expected)


def test_layers_derived_from_linear_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    class Doubled(Linear):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            return 2 * super().forward(input)

    monkeypatch.setattr(onednn, "onednn_is_faster", lambda: True)
    model = Sequential(Doubled(5, 5), Linear(5, 5))
    use_onednn(model)
    assert [type(layer) for layer in model] == [Doubled, OneDNNLinear]


@pytest.mark.parametrize("vendor, faster", [("AuthenticAMD", True), ("GenuineIntel", False)])
def test_it_is_for_processors_of_amd(
    vendor: str, faster: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processor = tmp_path / "cpuinfo"
    processor.write_text(f"processor\t: 0\nvendor_id\t: {vendor}\n")
    monkeypatch.setattr(onednn, "_PROCESSOR", processor)
    assert onednn_is_faster() == (faster and torch.backends.mkldnn.is_available())
    model = Sequential(Linear(2, 2))
    use_onednn(model)
    assert type(model[0]) is (OneDNNLinear if onednn_is_faster() else Linear)


def test_elsewhere_nothing_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onednn, "_PROCESSOR", tmp_path / "none")
    assert not onednn_is_faster()
