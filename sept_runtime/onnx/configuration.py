"""The configuration file of an exported model: what its graphs leave open."""

from dataclasses import dataclass, replace
from typing import Any, Dict, List, Optional, Tuple

from sept_runtime.errors import ExportedModelError
from sept_runtime.formats.json_lines import JsonObject
from sept_runtime.onnx.fields import Fields
from sept_runtime.onnx.graph import Signature, encoder_signature
from sept_runtime.onnx.relations import Relations
from sept_runtime.onnx.scorers import PooledScorer, SpanScorer, scorer_from_json
from sept_runtime.onnx.windows import Windows
from sept_runtime.options import Decoding

FORMAT_VERSION = 1
"""
The `format_version` of what is written here. New keys do not change it: readers leave alone what
they do not know. What a reader must not leave alone stands in `needs`.
"""

# Of what may stand in `needs`, what this release knows. A reader that knew nothing of relations
# would leave them out of its predictions, and nobody would notice.
_RELATIONS = "relations"
_KNOWN_NEEDS = [_RELATIONS]


@dataclass(frozen=True)
class FileFacts:
    """A file's size in bytes, and its SHA-256."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Network:
    """
    What gives scores to spans: an encoder and a scorer. A model is one, and so is its filter.

    # Parameters

    graph : `str`
        The name of the encoder's file.
    windows : `Windows`
    scorer : `SpanScorer`
    int8 : `str`, optional
        The name of the file of the encoder with layers in int8, if there is one.
    """

    graph: str
    windows: Windows
    scorer: SpanScorer
    int8: Optional[str] = None

    @property
    def graphs(self) -> List[Tuple[str, Signature]]:
        """All of its graphs: the names of their files, and what they take."""
        encoders = [self.graph] if self.int8 is None else [self.graph, self.int8]
        signature = encoder_signature(self.scorer.input_dim)
        return [*((name, signature) for name in encoders), *self.scorer.graphs.items()]

    @classmethod
    def from_json(cls, fields: Fields) -> "Network":
        """What `to_json` gives; raises `ExportedModelError` if it is not right."""
        return cls(
            fields.text("graph"),
            Windows.from_json(fields.object("windows")),
            scorer_from_json(fields.object("scorer")),
            fields.text("int8") if "int8" in fields else None,
        )

    def to_json(self) -> JsonObject:
        """As it stands in a configuration."""
        return {
            "graph": self.graph,
            "windows": self.windows.to_json(),
            "scorer": self.scorer.to_json(),
            **({} if self.int8 is None else {"int8": self.int8}),
        }


@dataclass(frozen=True)
class Filter:
    """
    # Parameters

    network : `Network`
        Gives one score: the log-odds that a span is an entity.
    threshold : `float`
        Spans of a lower score are not classified.
    """

    network: Network
    threshold: float


@dataclass(frozen=True)
class Configuration:
    """
    # Parameters

    labels : `List[str]`
        In the order of the scores that follow the one of "no entity".
    max_span_width : `int`
        In words.
    decoding : `Decoding`
    unknown_piece : `int`
        What a word without word pieces gets.
    model : `Network`
    filter : `Filter`, optional
    relations : `Relations`, optional
        Between entities; the vectors of these are those of `model`, whose scorer is pooled.
    made : `Dict[str, Any]`
        By what it was made, and from what.
    files : `Dict[str, FileFacts]`
        All files beside this one that prediction needs, by their names.
    """

    labels: List[str]
    max_span_width: int
    decoding: Decoding
    unknown_piece: int
    model: Network
    filter: Optional[Filter]
    relations: Optional[Relations]
    made: Dict[str, Any]
    files: Dict[str, FileFacts]

    @classmethod
    def from_json(cls, value: Any, where: str) -> "Configuration":
        """
        # Parameters

        value : `Any`
        where : `str`
            What messages call it.

        # Raises

        `ExportedModelError` if it is damaged or of a newer version.
        """
        fields = Fields(value, where)
        version = fields.whole("format_version", least=1)
        if version > FORMAT_VERSION:
            raise ExportedModelError(
                f"{where}: 'format_version' is {version}, and this release reads versions up to "
                f"{FORMAT_VERSION}: install a newer release of sept_allennlp"
            )
        unknown = [need for need in fields.texts("needs") if need not in _KNOWN_NEEDS]
        if unknown:
            raise ExportedModelError(
                f"{where}: the model has {', '.join(unknown)}, which this release does not know: "
                "install a newer release of sept_allennlp"
            )
        files = fields.object("files")
        read = cls(
            labels=fields.texts("labels"),
            max_span_width=fields.whole("max_span_width", least=1),
            decoding=_decoding(fields),
            unknown_piece=fields.whole("unknown_piece"),
            model=Network.from_json(fields.object("model")),
            filter=_filter(fields.object("filter")) if "filter" in fields else None,
            relations=_relations(fields),
            made={},
            files={name: _facts(files.object(name)) for name in files.keys()},
        )
        if read.model.scorer.num_scores != 1 + len(read.labels):
            raise fields.fault(
                f"are {len(read.labels)}, and the model has {read.model.scorer.num_scores} scores "
                "for them and for 'no entity'",
                "labels",
            )
        if not read._relations_fit():
            raise fields.fault("are those of another model", "relations")
        if len(read.graphs) < len(read._named_graphs()):
            raise fields.fault("names a graph that another part has, too", "model")
        return read

    def to_json(self) -> JsonObject:
        """As it stands in a configuration."""
        fields: JsonObject = {
            "format_version": FORMAT_VERSION,
            "needs": [] if self.relations is None else [_RELATIONS],
            "labels": self.labels,
            "max_span_width": self.max_span_width,
            "decoding": {
                "flat": self.decoding.flat,
                "min_score": self.decoding.min_score,
                "top_labels": self.decoding.top_labels,
                "min_relation_score": self.decoding.min_relation_score,
            },
            "unknown_piece": self.unknown_piece,
            "model": self.model.to_json(),
        }
        if self.filter is not None:
            network = self.filter.network.to_json()
            fields["filter"] = {**network, "threshold": self.filter.threshold}
        if self.relations is not None:
            fields["relations"] = self.relations.to_json()
        files = {
            name: {"size": facts.size, "sha256": facts.sha256} for name, facts in self.files.items()
        }
        return {**fields, "made": self.made, "files": files}

    def in_precision(self, precision: str) -> Optional["Configuration"]:
        """
        With the encoder that computes in it, one of `sept_runtime.options`, as the model's only
        one; `None` if there is none. All but int8 are of the same graph. A filter has no other.
        """
        encoder = self.model.int8 if precision == "int8" else self.model.graph
        if encoder is None:
            return None
        return replace(self, model=replace(self.model, graph=encoder, int8=None))

    @property
    def graphs(self) -> Dict[str, Signature]:
        """All graphs, by the names of their files."""
        return dict(self._named_graphs())

    def _relations_fit(self) -> bool:
        """Whether the part for relations, if there is one, takes what the model gives."""
        scorer = self.model.scorer
        if self.relations is None or not isinstance(scorer, PooledScorer):
            return self.relations is None
        pairs = self.relations.scorer
        return (pairs.sequence_dim, pairs.span_dim, pairs.num_classes) == (
            scorer.input_dim,
            scorer.pooling.output_dim,
            scorer.num_scores,
        )

    def _named_graphs(self) -> List[Tuple[str, Signature]]:
        return [
            *self.model.graphs,
            *(self.filter.network.graphs if self.filter else []),
            *(self.relations.graphs.items() if self.relations else []),
        ]


def _decoding(fields: Fields) -> Decoding:
    given = fields.object("decoding")
    try:
        return Decoding(
            given.truth("flat"),
            given.number("min_score"),
            given.whole("top_labels"),
            # Not in those from before relations could be exported.
            given.number("min_relation_score") if "min_relation_score" in given else 0.0,
        )
    except ValueError as error:
        raise fields.fault(f"is wrong: {error}", "decoding") from None


def _relations(fields: Fields) -> Optional[Relations]:
    if "relations" in fields:
        return Relations.from_json(fields.object("relations"))
    if _RELATIONS in fields.texts("needs"):
        raise fields.fault("is missing, which 'needs' names", "relations")
    return None


def _filter(fields: Fields) -> Filter:
    return Filter(Network.from_json(fields), fields.number("threshold"))


def _facts(fields: Fields) -> FileFacts:
    return FileFacts(fields.whole("size"), fields.text("sha256"))
