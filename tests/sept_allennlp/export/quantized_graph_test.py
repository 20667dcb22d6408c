from typing import Any, Dict, List

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from sept_allennlp.export.quantized_graph import (
    Linear,
    Range,
    linear_layers,
    observed,
    quantized,
)

# Columns whose largest weight is 63, and rows whose largest weights are the same: what 7 bits hold.
FIRST = np.array([[63, -2], [5, 63]], np.float32)
SECOND = np.array([[-63, 1], [63, 63]], np.float32)


@pytest.fixture
def model() -> onnx.ModelProto:
    """`x @ FIRST + x @ SECOND`, and what is no product with weights."""
    nodes = [
        helper.make_node("MatMul", ["x", "first"], ["a"], "one"),
        helper.make_node("MatMul", ["x", "second"], ["b"], "two"),
        helper.make_node("Add", ["a", "b"], ["sum"], "add"),
        helper.make_node("MatMul", ["x", "x"], ["square"], "square"),
    ]
    arguments = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 2, 2])
        for name in ("x", "sum", "square")
    }
    weights = {"first": FIRST, "second": SECOND}
    graph = helper.make_graph(
        nodes,
        "products",
        [arguments["x"]],
        [arguments["sum"], arguments["square"]],
        [numpy_helper.from_array(matrix, name) for name, matrix in weights.items()],
    )
    imports = [helper.make_opsetid("", 23)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


def run(model: onnx.ModelProto, x: Any) -> List[Any]:
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"x": np.array(x, np.float32)})  # type: ignore[no-any-return]


def types(model: onnx.ModelProto) -> Dict[str, int]:
    return {each.name: each.data_type for each in model.graph.initializer}


ONE, TWO = Linear("one", "x", "first"), Linear("two", "x", "second")
# Of both channels: 256 whole numbers.
RANGES = {"x": Range(np.float32([-55, -55]), np.float32([200, 200]))}


def test_the_linear_layers(model: onnx.ModelProto) -> None:
    assert linear_layers(model) == [ONE, TWO]


def test_the_smallest_and_largest_values_of_channels(model: onnx.ModelProto) -> None:
    low, high = run(observed(model, [ONE, TWO]), [[[1, -5], [3, 0]], [[2, 9], [-4, 7]]])
    assert low.tolist() == [-4, -5] and high.tolist() == [3, 9]
    joined = Range(low, high).joined(Range(np.float32([-9, 0]), np.float32([0, 10])))
    assert joined.low.tolist() == [-9, -5] and joined.high.tolist() == [3, 10]


def test_whole_numbers_are_exact(model: onnx.ModelProto) -> None:
    both = quantized(model, [ONE, TWO], {ONE, TWO}, RANGES)
    x = np.array([[[200, -55], [7, 11]]], np.float32)
    total, square = run(both, x)
    assert total.tolist() == (x @ FIRST + x @ SECOND).tolist()
    assert square.tolist() == (x @ x).tolist()
    # The original is as it was, and nothing of its weights is in the other.
    assert types(model).keys() == {"first", "second"}
    assert not types(both).keys() & {"first", "second"}
    assert list(types(both).values()).count(TensorProto.INT8) == 4


def test_other_numbers_are_rounded_and_clipped(model: onnx.ModelProto) -> None:
    both = quantized(model, [ONE, TWO], {ONE, TWO}, RANGES)
    total, square = run(both, [[[0.4, 1000], [-1000, 2.6]]])
    x = np.array([[[0, 200], [-55, 3]]], np.float32)
    assert total.tolist() == (x @ FIRST + x @ SECOND).tolist()
    # What is not chosen is neither.
    assert square[0, 0, 1] == np.float32(0.4 * 1000 + 1000 * 2.6)


def test_layers_that_are_not_chosen(model: onnx.ModelProto) -> None:
    one = quantized(model, [ONE, TWO], {TWO}, RANGES)
    assert types(one)["first"] == TensorProto.FLOAT and "second" not in types(one)
    total, _ = run(one, [[[0.4, 1], [0, 0]]])
    expected = np.float32([0.4, 1]) @ FIRST + np.float32([0, 1]) @ SECOND
    np.testing.assert_allclose(total[0, 0], expected, rtol=1e-6)


def test_a_channel_that_is_a_hundred_times_as_large(model: onnx.ModelProto) -> None:
    ranges = {"x": Range(np.float32([-100, -1]), np.float32([100, 1]))}
    both = quantized(model, [ONE, TWO], {ONE, TWO}, ranges)
    # With one scale for both, .78, these would have become 0.
    x = np.float32([[[0, 0.3], [0, -0.3]]])
    total, _ = run(both, x)
    np.testing.assert_allclose(total, x @ FIRST + x @ SECOND, rtol=0.2)


def test_a_channel_of_zeros(model: onnx.ModelProto) -> None:
    ranges = {"x": Range(np.float32([0, 0]), np.float32([0, 0]))}
    total, _ = run(quantized(model, [ONE, TWO], {ONE, TWO}, ranges), np.zeros((1, 2, 2)))
    assert total.tolist() == np.zeros((1, 2, 2)).tolist()
