"""
An encoder's graph with linear layers in int8.

What goes into a layer becomes uint8, by one scale and one zero point that calibration has found,
and its weights int8, by a scale for each column; products are added up in int32. Everything else
(embeddings, attention's own products, softmax, GELU, layer normalization, residual additions) stays
in float32. Encoders have a few channels whose values are tens of times as large as all others',
which one scale for all does not suit. So each channel is divided by a factor first, and the row of
weights that it meets multiplied by it (SmoothQuant, Xiao et al., 2023, equation 4).

It is written as pairs of `QuantizeLinear` and `DequantizeLinear`, which engines put together with
the layer's product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Iterator, List, NamedTuple, Sequence, Set, Tuple

import numpy as np

from sept_runtime.onnx.graph import FloatArray

if TYPE_CHECKING:
    # As in `int8`.
    import onnx

# How much of the large channels goes from what is multiplied into the weights; the paper's alpha.
_SMOOTHING = 0.7

# 7 bits: processors without instructions for int8 add two products up in 16 bits first, and more
# would not fit. So answers are the same everywhere.
_LARGEST_WEIGHT = 63

# Channels that are 0 in all of the calibration's texts, and in all weights.
_SMALLEST = 1e-5


class Linear(NamedTuple):
    """A product with weights: the names of its node, of what goes into it, and of the weights."""

    node: str
    input: str
    weights: str


class Range(NamedTuple):
    """The smallest and the largest value of each channel, both of shape `(dim,)`."""

    low: FloatArray
    high: FloatArray

    def joined(self, other: Range) -> Range:
        """That of what either is of."""
        return Range(np.minimum(self.low, other.low), np.maximum(self.high, other.high))


def linear_layers(model: onnx.ModelProto) -> List[Linear]:
    """Those of a graph, in its order."""
    weights = {each.name for each in model.graph.initializer if len(each.dims) == 2}
    return [
        Linear(node.name, *node.input)
        for node in model.graph.node
        if node.op_type == "MatMul" and node.input[1] in weights
    ]


def observed(model: onnx.ModelProto, layers: Sequence[Linear]) -> onnx.ModelProto:
    """
    The graph with other outputs: for each of `inputs_of(layers)` the smallest value in each of its
    channels, and then the largest.
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
    """What goes into them: several may share it."""
    return list(dict.fromkeys(layer.input for layer in layers))


def quantized(
    model: onnx.ModelProto, layers: Sequence[Linear], chosen: Set[Linear], ranges: Dict[str, Range]
) -> onnx.ModelProto:
    """
    # Parameters

    model : `onnx.ModelProto`
        Left as it is.
    layers : `Sequence[Linear]`
        All of its linear layers.
    chosen : `Set[Linear]`
        Those to compute in int8.
    ranges : `Dict[str, Range]`
        Of all `inputs_of(layers)`.
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
                # Before the first that shares it.
                quantize = []
                node.input[:] = [f"{name}_rounded", *added.output]
    ordered = [each for node in graph.node for each in (*before.get(node.name, []), node)]
    used = {name for node in ordered for name in node.input}
    kept = [each for each in graph.initializer if each.name in used]
    for field, values in ((graph.node, ordered), (graph.initializer, kept)):
        # They are the field's own, and would be gone with it.
        values = [type(each).FromString(each.SerializeToString()) for each in values]
        del field[:]
        field.extend(values)
    return copy


def _factors(values: Range, matrices: Sequence[FloatArray]) -> FloatArray:
    """By what each channel is divided. Shape `(dim,)`."""
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

    # 0 must be among what can be written exactly.
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
    """Constants, and their names."""
    from onnx import numpy_helper

    names = tuple(f"{name}_{what}" for what in values)
    for each, value in zip(names, values.values()):
        graph.initializer.append(numpy_helper.from_array(np.asarray(value), each))
    return names
