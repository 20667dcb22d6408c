"""
Graphs of encoders with linear layers in int8.

The input of a layer becomes uint8, with a scale and a zero point from calibration, and its weights
int8, with a scale for each column; products are summed in int32. Everything else (embeddings,
attention's own products, softmax, GELU, layer normalization, residual additions) stays in float32.
In encoders, a few channels have values that are tens of times larger than all others, so a single
scale does not suit all channels. Therefore each channel is divided by a factor, and its row of
weights is multiplied by the factor (SmoothQuant, Xiao et al., 2023, equation 4).

The graph has pairs of `QuantizeLinear` and `DequantizeLinear`, which engines fuse with the product
of the layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Iterator, List, NamedTuple, Sequence, Set, Tuple

import numpy as np

from sept_runtime.onnx.graph import FloatArray

if TYPE_CHECKING:
    # As in `int8`.
    import onnx

# The share of the large channels that moves from the inputs to the weights; the paper's alpha.
_SMOOTHING = 0.7

# 7 bits: processors without instructions for int8 first add two products in 16 bits, and larger
# weights would overflow. This way, all processors give the same answers.
_LARGEST_WEIGHT = 63

# Replaces the maximum of channels that are 0 in all texts of the calibration, or in all weights.
_SMALLEST = 1e-5


class Linear(NamedTuple):
    """A product with weights: the names of its node, its input and its weights."""

    node: str
    input: str
    weights: str


class Range(NamedTuple):
    """The smallest and the largest value of each channel, both of shape `(dim,)`."""

    low: FloatArray
    high: FloatArray

    def joined(self, other: Range) -> Range:
        """Return the range of both."""
        return Range(np.minimum(self.low, other.low), np.maximum(self.high, other.high))


def linear_layers(model: onnx.ModelProto) -> List[Linear]:
    """Return the linear layers of a graph, in order."""
    weights = {each.name for each in model.graph.initializer if len(each.dims) == 2}
    return [
        Linear(node.name, *node.input)
        for node in model.graph.node
        if node.op_type == "MatMul" and node.input[1] in weights
    ]


def observed(model: onnx.ModelProto, layers: Sequence[Linear]) -> onnx.ModelProto:
    """
    Return the graph with the ranges of its layers' inputs as outputs.

    For each of `inputs_of(layers)` there is the smallest value of each channel, and then the
    largest.
    """
    import onnx
    from onnx import helper, numpy_helper

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    del graph.output[:]
    graph.initializer.append(numpy_helper.from_array(np.array([0, 1]), "rows_and_pieces"))
    for name in inputs_of(layers):
        for operation in ("ReduceMin", "ReduceMax"):
            output = f"{name}_{operation}"
            inputs = [name, "rows_and_pieces"]
            graph.node.append(helper.make_node(operation, inputs, [output], keepdims=0))
            type_ = onnx.TensorProto.FLOAT, [None]
            graph.output.append(helper.make_tensor_value_info(output, *type_))
    return copy


def inputs_of(layers: Sequence[Linear]) -> List[str]:
    """Return the inputs of layers, each once."""
    return list(dict.fromkeys(layer.input for layer in layers))


def quantized(
    model: onnx.ModelProto, layers: Sequence[Linear], chosen: Set[Linear], ranges: Dict[str, Range]
) -> onnx.ModelProto:
    """
    Return a copy of a graph with some layers in int8.

    # Parameters

    model : `onnx.ModelProto`
    layers : `Sequence[Linear]`
        All linear layers of the graph.
    chosen : `Set[Linear]`
        The layers to compute in int8.
    ranges : `Dict[str, Range]`
        The ranges of all `inputs_of(layers)`.
    """
    import onnx
    from onnx import numpy_helper

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    weights = {each.name: each for each in graph.initializer}
    nodes = {node.name: node for node in graph.node}
    before: Dict[str, List[onnx.NodeProto]] = {}
    for name in inputs_of([layer for layer in layers if layer in chosen]):
        sharing = [layer for layer in layers if layer.input == name]
        matrices = [numpy_helper.to_array(weights[layer.weights]) for layer in sharing]
        factors = _factors(ranges[name], matrices)
        quantize = list(_quantize_input(graph, name, factors, ranges[name]))
        for layer, matrix in zip(sharing, matrices):
            if layer in chosen:
                node = nodes[layer.node]
                added = _quantize_weights(graph, layer.node, matrix * factors[:, None])
                before[layer.node] = [*quantize, added]
                # Quantized once, before the first layer that shares the input.
                quantize = []
                node.input[:] = [f"{name}_rounded", *added.output]
    ordered = [each for node in graph.node for each in (*before.get(node.name, []), node)]
    used = {name for node in ordered for name in node.input}
    kept = [each for each in graph.initializer if each.name in used]
    for field, values in ((graph.node, ordered), (graph.initializer, kept)):
        # Copies, because the field's own messages are deleted with it.
        values = [type(each).FromString(each.SerializeToString()) for each in values]
        del field[:]
        field.extend(values)
    return copy


def _factors(values: Range, matrices: Sequence[FloatArray]) -> FloatArray:
    """Return the factor of each channel: shape `(dim,)`."""
    largest = np.maximum(np.maximum(-values.low, values.high), _SMALLEST)
    weights = np.maximum(
        np.max([np.abs(matrix).max(axis=1) for matrix in matrices], axis=0), _SMALLEST
    )
    factors = largest**_SMOOTHING / weights ** (1 - _SMOOTHING)
    return np.asarray(factors / np.median(factors), np.float32)


def _quantize_input(
    graph: onnx.GraphProto, name: str, factors: FloatArray, values: Range
) -> Iterator[onnx.NodeProto]:
    from onnx import helper

    # 0 must be represented exactly.
    low = min(float((values.low / factors).min()), 0.0)
    high = max(float((values.high / factors).max()), _SMALLEST)
    scale = np.float32((high - low) / 255)
    zero = np.uint8(np.clip(np.round(-low / scale), 0, 255))
    how = _add(graph, name, {"factors": 1 / factors, "scale": scale, "zero": zero})
    divided, whole = f"{name}_divided", f"{name}_uint8"
    yield helper.make_node("Mul", [name, how[0]], [divided], divided)
    yield helper.make_node("QuantizeLinear", [divided, *how[1:]], [whole], whole)
    rounded = f"{name}_rounded"
    yield helper.make_node("DequantizeLinear", [whole, *how[1:]], [rounded], rounded)


def _quantize_weights(graph: onnx.GraphProto, name: str, matrix: FloatArray) -> onnx.NodeProto:
    from onnx import helper

    scales = np.maximum(np.abs(matrix).max(axis=0), _SMALLEST) / _LARGEST_WEIGHT
    whole = np.round(matrix / scales).astype(np.int8)
    values = {
        "int8": whole,
        "scales": scales.astype(np.float32),
        "zeros": np.zeros(len(scales), np.int8),
    }
    rounded = f"{name}_weights"
    inputs = _add(graph, name, values)
    return helper.make_node("DequantizeLinear", inputs, [rounded], rounded, axis=1)


def _add(graph: onnx.GraphProto, name: str, values: Dict[str, Any]) -> Tuple[str, ...]:
    """Add constants to a graph, and return their names."""
    from onnx import numpy_helper

    names = tuple(f"{name}_{what}" for what in values)
    for each, value in zip(names, values.values()):
        graph.initializer.append(numpy_helper.from_array(np.asarray(value), each))
    return names
