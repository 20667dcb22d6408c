"""Add an encoder in int8 to an exported model, beside the one in float32."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, NamedTuple, Sequence, Set, Tuple

import numpy as np
import onnxruntime
from msgspec.structs import replace
from numpy.typing import NDArray

from sept_allennlp.export.differences import compare_exports
from sept_allennlp.export.errors import ExportError
from sept_allennlp.export.quantized_graph import (
    Linear,
    Range,
    inputs_of,
    linear_layers,
    observed,
    quantized,
)
from sept_runtime.cpu import usable_cores
from sept_runtime.documents import Document
from sept_runtime.onnx.configuration import Configuration, Network
from sept_runtime.onnx.folder import (
    facts_of,
    member,
    read_word_pieces,
    save_configuration,
)
from sept_runtime.onnx.predictor import ExportedPredictor

if TYPE_CHECKING:
    # An extra ('export'), imported where it is used, so that the plugin works without it.
    import onnx

# Fewer texts do not show how large values become.
_FEWEST_TEXTS = 10
# One text in five is not calibrated on, but used to compare.
_COMPARED = 5
# The number of these texts on which the error of each layer is measured.
_MOST_FOR_A_LAYER = 16

# The largest error of the encoder's vectors, relative to their mean length. The layers are chosen
# to stay below it; docs/speed.md has the cost.
_LARGEST_ERROR = 0.035

Pieces = List[int]


class Int8(NamedTuple):
    """
    How int8 differs from float32, on texts that it was not calibrated on.

    # Parameters

    layers, chosen : `int`
        The number of linear layers of the encoder, and of those in int8.
    error : `float`
        The mean length of the differences of the encoder's vectors, relative to the mean length of
        the vectors.
    entities, differing : `int`
        The number of entities that both precisions find together, and of those that only one finds.
    """

    layers: int
    chosen: int
    error: float
    entities: int
    differing: int

    def __str__(self) -> str:
        share = self.differing / max(self.entities, 1)
        return (
            f"in int8 {self.chosen} of {self.layers} linear layers, error of the encoder's vectors "
            f"{self.error:.1%}, {share:.1%} of the entities differ ({self.differing} of "
            f"{self.entities}, both counted)"
        )


def add_int8(
    folder: Path, configuration: Configuration, name: str, documents: Iterable[Document]
) -> Tuple[Configuration, Int8]:
    """
    Add the model's encoder in int8 to an exported model.

    # Parameters

    folder : `Path`
    configuration : `Configuration`
        The configuration of the folder.
    name : `str`
        The name of the new graph's file.
    documents : `Iterable[Document]`
        Texts like those to predict. Those without words are left out.

    # Returns

    The configuration of the folder now, and how far the two precisions differ.

    # Raises

    `ExportError` if there are too few texts, or if no layer can be computed in int8.
    """
    import onnx

    given = [document for document in documents if any(document.sentences)]
    if len(given) < _FEWEST_TEXTS:
        raise ExportError(
            f"--int8 needs at least {_FEWEST_TEXTS} texts like those to predict, better some "
            f"hundred; got {len(given)} with words"
        )
    splitter = read_word_pieces(folder, configuration)
    pieces = [splitter.split(document.words)[0] for document in given]
    calibrated = [text for index, text in enumerate(pieces) if index % _COMPARED]
    network = configuration.model
    calibration = Calibration(
        network, member(folder, network.encoder), calibrated, pieces[::_COMPARED]
    )
    chosen = calibration.choose()
    if not chosen:
        raise ExportError(
            f"no linear layer of {network.encoder} can be computed in int8 with an error of the "
            f"encoder's vectors below {_LARGEST_ERROR:.1%}; export without --int8"
        )
    graph = calibration.graph(chosen)
    onnx.save(graph, str(folder / name))
    configuration = replace(
        configuration,
        model=replace(network, int8=name),
        files={**configuration.files, **facts_of(folder, [name])},
    )
    save_configuration(folder, configuration)
    models = [ExportedPredictor(folder, precision=each) for each in ("float32", "int8")]
    scored = [
        [model.score_batch([document])[0] for document in given[::_COMPARED]] for model in models
    ]
    _, *counts = compare_exports(models[0], *scored)
    error = calibration.error(graph)
    return configuration, Int8(len(calibration.layers), len(chosen), error, *counts)


class Calibration:
    """
    Choose the layers of an encoder that are computed in int8.

    # Parameters

    network : `Network`
        The network of the encoder.
    path : `Path`
        The graph in float32.
    calibrated, compared : `Sequence[Pieces]`
        The pieces of the texts that determine the scales, and of those that determine the layers.
    """

    def __init__(
        self, network: Network, path: Path, calibrated: Sequence[Pieces], compared: Sequence[Pieces]
    ) -> None:
        import onnx

        self._network = network
        self._model = onnx.load(str(path))
        self.layers = linear_layers(self._model)
        if not self.layers:
            raise ExportError(f"{path.name} has no linear layers to compute in int8")
        self._compared = compared[:_MOST_FOR_A_LAYER]
        self._ranges = self._find_ranges(calibrated)
        self._expected = self._vectors(self._model)

    def choose(self) -> Set[Linear]:
        """Choose layers, those with the smallest errors first, up to the largest error."""
        errors = {layer: self.error(self.graph({layer})) for layer in self.layers}
        chosen: Set[Linear] = set()
        # The errors of layers are independent, so their squares add up.
        squares = 0.0
        for layer in sorted(self.layers, key=errors.__getitem__):
            squares += errors[layer] ** 2
            if squares > _LARGEST_ERROR**2:
                break
            chosen.add(layer)
        return chosen

    def graph(self, chosen: Set[Linear]) -> onnx.ModelProto:
        """Return the graph with these layers in int8."""
        return quantized(self._model, self.layers, chosen, self._ranges)

    def error(self, model: onnx.ModelProto) -> float:
        """Return the `error` of `Int8` for a graph."""
        difference = np.linalg.norm(self._vectors(model) - self._expected, axis=1).mean()
        return float(difference / np.linalg.norm(self._expected, axis=1).mean())

    def _find_ranges(self, texts: Sequence[Pieces]) -> Dict[str, Range]:
        session = _open(observed(self._model, self.layers))
        ranges: Dict[str, Range] = {}

        def observe(pieces: NDArray[Any], mask: NDArray[Any]) -> NDArray[Any]:
            outputs = iter(session.run(None, {"input_ids": pieces, "attention_mask": mask}))
            for name, low in zip(inputs_of(self.layers), outputs):
                found = Range(low, next(outputs))
                ranges[name] = ranges[name].joined(found) if name in ranges else found
            return np.zeros((*pieces.shape, self._network.dim), np.float32)

        # One text at a time, because the values of padding must not count.
        for text in texts:
            self._network.windows.encode(observe, self._network.dim, [text])
        return ranges

    def _vectors(self, model: onnx.ModelProto) -> NDArray[np.float32]:
        session = _open(model)

        def encode(pieces: NDArray[Any], mask: NDArray[Any]) -> Any:
            return session.run(None, {"input_ids": pieces, "attention_mask": mask})[0]

        return self._network.windows.encode(encode, self._network.dim, self._compared)


def _open(model: onnx.ModelProto) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_cores()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
