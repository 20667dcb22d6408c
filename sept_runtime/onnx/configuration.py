"""The configuration file of an exported model, 'sept.json'."""

from typing import Annotated, Any, Dict, List, Optional, Tuple

import msgspec
from msgspec.structs import replace

from sept_runtime.calibration import Calibration
from sept_runtime.decoding import RelationDecoding
from sept_runtime.errors import ExportedModelError
from sept_runtime.onnx.graph import (
    Signature,
    encoder_signature,
    pair_head_signature,
    span_head_signature,
)
from sept_runtime.onnx.windows import Windows
from sept_runtime.options import Decoding

FORMAT_VERSION = 1
"""
The `format_version` that this release writes and reads. Readers ignore keys that they do not know;
a change that they must not ignore increases the version.
"""

Count = Annotated[int, msgspec.Meta(ge=0)]
Size = Annotated[int, msgspec.Meta(ge=1)]
Probability = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]


class FileFacts(msgspec.Struct, frozen=True):
    """The size of a file in bytes, and its SHA-256."""

    size: Count
    sha256: str


class Network(msgspec.Struct, frozen=True):
    """
    A network that scores spans: an encoder and a head.

    # Parameters

    encoder, head : `str`
        The names of the graphs' files.
    dim : `int`
        The length of the encoder's vectors.
    windows : `Windows`
    int8 : `str`, optional
        The name of the file of the encoder with layers in int8.
    """

    encoder: str
    head: str
    dim: Size
    windows: Windows
    int8: Optional[str] = None


class Filter(Network, frozen=True, kw_only=True):
    """
    A span filter: a network that gives the log-odds that a span is an entity.

    # Parameters

    threshold : `float`
        Spans with a lower score are not classified.
    """

    threshold: float


class Relations(msgspec.Struct, frozen=True):
    """
    The part of a model that finds relations; `RelationClassifier` explains the parameters.

    # Parameters

    head : `str`
        The name of the graph's file.
    labels, symmetric_labels : `List[str]`
    threshold : `float`
    max_distance : `int`
    max_entities_per_word : `float`
    calibration : `Calibration`, optional

    # Raises

    `ValueError` if a symmetric label is not one of the labels.
    """

    head: str
    labels: List[str]
    symmetric_labels: List[str]
    threshold: Probability
    max_distance: Count
    max_entities_per_word: float
    calibration: Calibration = Calibration()

    def __post_init__(self) -> None:
        unknown = [label for label in self.symmetric_labels if label not in self.labels]
        if unknown:
            raise ValueError(f"symmetric_labels has {', '.join(unknown)}, but labels does not")

    @property
    def decoding(self) -> RelationDecoding:
        """Return what turns the scores of pairs into relations."""
        return RelationDecoding(
            self.labels, tuple(self.symmetric_labels), self.threshold, self.calibration
        )


class Configuration(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    The configuration of an exported model.

    # Parameters

    format_version : `int`
    labels : `List[str]`
        In the order of the scores that follow the one of "no entity".
    max_span_width : `int`
        In words.
    decoding : `Decoding`
    unknown_piece : `int`
        The piece of a word that has no word pieces.
    model : `Network`
    files : `Dict[str, FileFacts]`
        The other files that prediction needs, by name.
    filter : `Filter`, optional
    relations : `Relations`, optional
        Its head reads the vectors of `model`.
    calibration : `Calibration`, optional
        Of the scores of entities.
    made : `Dict[str, Any]`
        Versions of the software that wrote the folder, and the archive's digest.

    # Raises

    `ValueError` if two graphs have the same name.
    """

    format_version: int
    labels: List[str]
    max_span_width: Size
    decoding: Decoding
    unknown_piece: Count
    model: Network
    files: Dict[str, FileFacts]
    filter: Optional[Filter] = None
    relations: Optional[Relations] = None
    calibration: Calibration = Calibration()
    made: Dict[str, Any] = {}

    def __post_init__(self) -> None:
        names = [name for name, _ in self._named_graphs()]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two graphs are called {', '.join(twice)}")

    @property
    def graphs(self) -> Dict[str, Signature]:
        """Return the signatures of all graphs by the names of their files."""
        return dict(self._named_graphs())

    def in_precision(self, precision: str) -> Optional["Configuration"]:
        """
        Return the configuration with only the encoder that computes in `precision`.

        `None` if there is no such encoder. A filter has only one encoder.
        """
        encoder = self.model.int8 if precision == "int8" else self.model.encoder
        if encoder is None:
            return None
        return replace(self, model=replace(self.model, encoder=encoder, int8=None))

    def _named_graphs(self) -> List[Tuple[str, Signature]]:
        graphs: List[Tuple[str, Signature]] = []
        for network, num_scores in ((self.model, 1 + len(self.labels)), (self.filter, 1)):
            if network is not None:
                encoders = [network.encoder, *([] if network.int8 is None else [network.int8])]
                graphs += [(name, encoder_signature(network.dim)) for name in encoders]
                graphs.append((network.head, span_head_signature(network.dim, num_scores)))
        if self.relations is not None:
            signature = pair_head_signature(self.model.dim, len(self.relations.labels))
            graphs.append((self.relations.head, signature))
        return graphs


class _Versioned(msgspec.Struct):
    format_version: int


def read_configuration(content: bytes, where: str) -> Configuration:
    """
    Read a configuration.

    # Parameters

    content : `bytes`
    where : `str`
        The name of the file, for messages.

    # Raises

    `ExportedModelError` if the configuration is invalid or has a newer version.
    """
    try:
        version = msgspec.json.decode(content, type=_Versioned).format_version
        if version > FORMAT_VERSION:
            raise ExportedModelError(
                f"{where}: 'format_version' is {version}, and this release reads version "
                f"{FORMAT_VERSION}; install a newer release of sept_allennlp"
            )
        return msgspec.json.decode(content, type=Configuration)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ExportedModelError(f"{where}: {error}; export the model again") from None


def write_configuration(configuration: Configuration) -> bytes:
    """Write what `read_configuration` reads."""
    return msgspec.json.format(msgspec.json.encode(configuration), indent=2) + b"\n"
