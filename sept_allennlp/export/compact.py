"""
Graphs that take a third of the space.

Word embeddings are in int8 with a scale for each row, all other weights in float16. Everything is
computed in float32: rows are looked up before they are scaled, and engines convert the weights when
they load a graph.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Dict, List, NamedTuple, Sequence

import numpy as np
from msgspec.structs import replace

from sept_allennlp.export.differences import compare_exports
from sept_runtime.documents import Document
from sept_runtime.onnx.configuration import Configuration
from sept_runtime.onnx.folder import facts_of, member, save_configuration
from sept_runtime.onnx.predictor import ExportedPredictor

if TYPE_CHECKING:
    # An extra ('export'), imported where it is used, so that the plugin works without it.
    import onnx

# Smaller weights, such as biases and normalizations, stay in float32.
_MIN_ELEMENTS = 1024
# Smaller tables, such as those of positions, are stored in float16.
_MIN_ROWS = 2048
_LARGEST_FLOAT16 = 65504.0
_LARGEST_INT8 = 127


class Compact(NamedTuple):
    """
    How a compact export differs from the one in float32.

    # Parameters

    before, after : `int`
        The size of the graphs in bytes.
    difference : `float`
        The largest difference of a span's probability.
    entities, differing : `int`
        The number of entities that both find together, and of those that only one finds.
    """

    before: int
    after: int
    difference: float
    entities: int
    differing: int

    def __str__(self) -> str:
        return (
            f"graphs of {self.after / 2**20:.1f} MiB instead of {self.before / 2**20:.1f}, largest "
            f"difference of a score from float32 {self.difference:.1e}, {self.differing} of "
            f"{self.entities} entities differ (both counted)"
        )


def compact_folder(
    folder: Path, configuration: Configuration, batches: Sequence[Sequence[Document]]
) -> tuple[Configuration, Compact]:
    """
    Make the graphs of an exported model compact, and compare its predictions before and after.

    # Parameters

    folder : `Path`
    configuration : `Configuration`
        The configuration of the folder.
    batches : `Sequence[Sequence[Document]]`
        The documents to compare.

    # Returns

    The configuration of the folder now, and how the two differ.
    """
    import onnx

    full = ExportedPredictor(folder)
    expected = [scored for documents in batches for scored in full.score_batch(documents)]
    names = list(configuration.graphs)
    before = sum(configuration.files[name].size for name in names)
    for name in names:
        path = member(folder, name)
        onnx.save(compact_graph(onnx.load(str(path))), str(path))
    facts = facts_of(folder, names)
    configuration = replace(configuration, files={**configuration.files, **facts})
    save_configuration(folder, configuration)
    compact = ExportedPredictor(folder)
    found = [scored for documents in batches for scored in compact.score_batch(documents)]
    after = sum(each.size for each in facts.values())
    return configuration, Compact(before, after, *compare_exports(full, expected, found))


def compact_graph(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a compact copy of a graph."""
    import onnx
    from onnx import helper, numpy_helper

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    users: Dict[str, List[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    initializers, casts = [], []
    rows: Dict[str, List[onnx.NodeProto]] = {}
    for weights in graph.initializer:
        values = numpy_helper.to_array(weights)
        if weights.data_type != onnx.TensorProto.FLOAT or values.size < _MIN_ELEMENTS:
            initializers.append(weights)
            continue
        name = weights.name
        if values.ndim == 2 and len(values) >= _MIN_ROWS and _only_looked_up(users[name], name):
            scales = np.abs(values).max(axis=1, keepdims=True) / _LARGEST_INT8
            scales = np.where(scales > 0, scales, 1).astype(np.float32)
            table = np.rint(values / scales).astype(np.int8)
            initializers.append(numpy_helper.from_array(table, f"{name}_int8"))
            initializers.append(numpy_helper.from_array(scales, f"{name}_scales"))
            for node in users[name]:
                rows[node.output[0]] = _look_up(node, name)
        elif np.abs(values).max(initial=0.0) <= _LARGEST_FLOAT16:
            half = values.astype(np.float16)
            initializers.append(numpy_helper.from_array(half, f"{name}_float16"))
            casts.append(
                helper.make_node(
                    "Cast", [f"{name}_float16"], [name], f"{name}_cast", to=onnx.TensorProto.FLOAT
                )
            )
        else:
            initializers.append(weights)
    nodes = [*casts]
    for node in graph.node:
        nodes += rows.get(node.output[0], [node])
    for field, new in ((graph.node, nodes), (graph.initializer, initializers)):
        # Copies, because the field's own messages are deleted with it.
        new = [type(each).FromString(each.SerializeToString()) for each in new]
        del field[:]
        field.extend(new)
    return copy


def _only_looked_up(users: Sequence[onnx.NodeProto], name: str) -> bool:
    return all(
        node.op_type == "Gather"
        and node.input[0] == name
        and name not in node.input[1:]
        and all(attribute.i == 0 for attribute in node.attribute if attribute.name == "axis")
        for node in users
    )


def _look_up(node: onnx.NodeProto, name: str) -> List[onnx.NodeProto]:
    """Return the nodes that look rows up in int8 and scale them, in place of a Gather."""
    import onnx
    from onnx import helper

    (output,), indices = node.output, node.input[1]
    whole, scale, values = (f"{output}_{part}" for part in ("int8", "scale", "float"))
    return [
        helper.make_node("Gather", [f"{name}_int8", indices], [whole], whole, axis=0),
        helper.make_node("Gather", [f"{name}_scales", indices], [scale], scale, axis=0),
        helper.make_node("Cast", [whole], [values], values, to=onnx.TensorProto.FLOAT),
        helper.make_node("Mul", [values, scale], [output], node.name),
    ]
