"""An exported model's encoder in int8, beside the one in float32."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, NamedTuple, Sequence, Set, Tuple

import numpy as np
import onnxruntime
from msgspec.structs import replace
from numpy.typing import NDArray

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
    # Of the extra 'export'; imported where it is used, so that the plugin is without it, too.
    import onnx

# Fewer tell nothing of how large values become.
_FEWEST_TEXTS = 10
# So many of them are for comparing: one of so many is not calibrated on.
_COMPARED = 5
# On so many of these a layer's error is measured, which is done for each layer.
_MOST_FOR_A_LAYER = 16

# How large the error of the encoder's vectors may be, in their mean length. By it the layers are
# chosen; docs/speed.md has what it costs.
_LARGEST_ERROR = 0.035

Pieces = List[int]


class Int8(NamedTuple):
    """
    What int8 changes, on texts that it was not calibrated on.

    # Parameters

    layers, chosen : `int`
        How many linear layers the encoder has, and how many of them are in int8.
    error : `float`
        The mean length of what the encoder's vectors differ by, in the mean length of these.
    entities, differing : `int`
        How many both precisions find, added up, and how many of these only one does.
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
            f"{self.entities}, those of both added up)"
        )


def add_int8(
    folder: Path, configuration: Configuration, name: str, documents: Iterable[Document]
) -> Tuple[Configuration, Int8]:
    """
    Adds the model's encoder in int8 to an exported model.

    # Parameters

    folder : `Path`
    configuration : `Configuration`
        That of the folder.
    name : `str`
        Of the new graph's file.
    documents : `Iterable[Document]`
        Texts like those to predict. Those without a word are left out.

    # Returns

    The folder's configuration now, and how far the two precisions differ.

    # Raises

    `ExportError` if they are too few, or no layer can be computed in int8.
    """
    import onnx

    given = [document for document in documents if any(document.sentences)]
    if len(given) < _FEWEST_TEXTS:
        raise ExportError(
            f"int8 is calibrated on texts like those to predict: give at least {_FEWEST_TEXTS}, "
            f"better some hundred; these are {len(given)} with a word in them"
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
            f"no linear layer of {network.encoder} can be computed in int8 without an error of the "
            f"encoder's vectors of more than {_LARGEST_ERROR:.1%}; leave int8 out"
        )
    graph = calibration.graph(chosen)
    onnx.save(graph, str(folder / name))
    configuration = replace(
        configuration,
        model=replace(network, int8=name),
        files={**configuration.files, **facts_of(folder, [name])},
    )
    save_configuration(folder, configuration)
    counts = _count_entities(folder, given[::_COMPARED])
    error = calibration.error(graph)
    return configuration, Int8(len(calibration.layers), len(chosen), error, *counts)


class Calibration:
    """
    Finds out how an encoder's graph is to be computed in int8.

    # Parameters

    network : `Network`
        Whose encoder it is.
    path : `Path`
        The graph in float32.
    calibrated, compared : `Sequence[Pieces]`
        The pieces of texts: those by which scales are found, and those by which layers are chosen.
    """

    def __init__(
        self, network: Network, path: Path, calibrated: Sequence[Pieces], compared: Sequence[Pieces]
    ) -> None:
        import onnx

        self._network = network
        self._model = onnx.load(str(path))
        self.layers = linear_layers(self._model)
        if not self.layers:
            raise ExportError(f"{path.name} has no linear layers that could be computed in int8")
        self._compared = compared[:_MOST_FOR_A_LAYER]
        self._ranges = self._find_ranges(calibrated)
        self._expected = self._vectors(self._model)

    def choose(self) -> Set[Linear]:
        """As many layers as there may be for the error, those of the smallest error first."""
        errors = {layer: self.error(self.graph({layer})) for layer in self.layers}
        chosen: Set[Linear] = set()
        # The errors of layers have nothing to do with each other, and so their squares add up.
        squares = 0.0
        for layer in sorted(self.layers, key=errors.__getitem__):
            squares += errors[layer] ** 2
            if squares > _LARGEST_ERROR**2:
                break
            chosen.add(layer)
        return chosen

    def graph(self, chosen: Set[Linear]) -> onnx.ModelProto:
        """With these layers in int8."""
        return quantized(self._model, self.layers, chosen, self._ranges)

    def error(self, model: onnx.ModelProto) -> float:
        """As for `Int8`."""
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

        # Each alone: what is filled up has values that are none.
        for text in texts:
            self._network.windows.encode(observe, self._network.dim, [text])
        return ranges

    def _vectors(self, model: onnx.ModelProto) -> NDArray[np.float32]:
        session = _open(model)

        def encode(pieces: NDArray[Any], mask: NDArray[Any]) -> Any:
            return session.run(None, {"input_ids": pieces, "attention_mask": mask})[0]

        return self._network.windows.encode(encode, self._network.dim, self._compared)


def _count_entities(folder: Path, documents: Sequence[Document]) -> Tuple[int, int]:
    """`entities` and `differing` of `Int8`."""
    found, differing = 0, 0
    models = [ExportedPredictor(folder, precision=each) for each in ("float32", "int8")]
    for document in documents:
        ours, theirs = (
            {entity[:3] for entity in model.predict_batch([document], model.decoding)[0].entities}
            for model in models
        )
        found += len(ours) + len(theirs)
        differing += len(ours ^ theirs)
    return found, differing


def _open(model: onnx.ModelProto) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_cores()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
