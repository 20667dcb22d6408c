"""
What parts of a model say of themselves when it is exported: each by which ONNX graphs and by which
class of `sept_runtime.onnx` it runs without PyTorch. A part that does not say so is not
exported.
"""

from functools import singledispatch
from typing import Any, NamedTuple, Optional, Protocol, Union, runtime_checkable

import torch
from allennlp.modules import TextFieldEmbedder
from allennlp.modules.span_extractors import EndpointSpanExtractor, SpanExtractor
from torch import Tensor

from sept_runtime.onnx.pair_scorers import PooledContextScorer
from sept_runtime.onnx.poolings import Concat, Endpoint, SpanPooling, SpanWidth
from sept_runtime.onnx.relations import Relations
from sept_runtime.onnx.scorers import PooledScorer, SpanScorer
from sept_runtime.onnx.windows import Windows


class NotExportable(RuntimeError):
    """A model with a part that cannot run without PyTorch; the message says which."""

    def __init__(self, part: Union[str, object]) -> None:
        name = part if isinstance(part, str) else f"a {type(part).__name__}"
        super().__init__(
            f"{name} cannot be exported; docs/prediction.md says what can be. The archive itself "
            "predicts as it is"
        )


class ExportedEncoder(NamedTuple):
    """
    # Parameters

    module : `torch.nn.Module`
        Takes word pieces and where there are any, special ones included, both of shape
        `(rows, num_pieces)`, and gives vectors of shape `(rows, num_pieces, dim)`.
    windows : `Windows`
    name : `str`
        What the encoder was called in training.
    """

    module: torch.nn.Module
    windows: Windows
    name: str


class ExportedScorer(NamedTuple):
    """
    # Parameters

    scorer : `SpanScorer`
    columns : `torch.nn.Module`, optional
        Takes the encoder's vectors and its mask, and gives what the scorer looks at in their place:
        it becomes a part of the encoder's graph.
    head : `torch.nn.Module`, optional
        Takes spans' vectors, of shape `(num_spans, dim)`, and gives scores, for a `PooledScorer`.
    """

    scorer: SpanScorer
    columns: Optional[torch.nn.Module] = None
    head: Optional[torch.nn.Module] = None

    @classmethod
    def pooled(
        cls, extractor: SpanExtractor, head: torch.nn.Module, num_scores: int, graph: str
    ) -> "ExportedScorer":
        """A graph over what an extractor makes of spans."""
        return cls(PooledScorer(exported_pooling(extractor), graph, num_scores), head=head)


class ExportedNetwork(NamedTuple):
    """A model, or its filter: what encodes, and what scores spans."""

    encoder: ExportedEncoder
    scorer: ExportedScorer

    @property
    def encoder_graph(self) -> torch.nn.Module:
        """The module that becomes the encoder's graph."""
        return _Encoder(self.encoder.module, self.scorer.columns)


class ExportedFilter(NamedTuple):
    """A filter, and the log-odds below which spans are not classified."""

    network: ExportedNetwork
    threshold: float


class ExportedPairScorer(NamedTuple):
    """
    # Parameters

    scorer : `PooledContextScorer`
    head : `torch.nn.Module`
        Takes pairs' vectors, of shape `(num_pairs, pair_dim)`, and gives logits.
    """

    scorer: PooledContextScorer
    head: torch.nn.Module


class ExportedRelations(NamedTuple):
    """A part for relations, and the module that becomes its graph, as in `ExportedPairScorer`."""

    relations: Relations
    head: torch.nn.Module


@runtime_checkable
class ExportableExtractor(Protocol):
    """A span extractor that runs without PyTorch."""

    def exported(self) -> SpanPooling:
        """By what it runs without PyTorch."""


@runtime_checkable
class ExportableEmbedder(Protocol):
    """A token embedder that runs as an ONNX graph."""

    def exported(self) -> ExportedEncoder:
        """By what it runs without PyTorch."""


@runtime_checkable
class ExportablePairScorer(Protocol):
    """A `RelationScorer` that runs without PyTorch."""

    def exported(self, head_graph: str) -> ExportedPairScorer:
        """By what it runs without PyTorch; `head_graph` is the file's name for its graph."""


@singledispatch
def exported_pooling(extractor: Any) -> SpanPooling:
    """
    By what a span extractor is exported: ours say it by their method `exported`, AllenNLP's are
    registered here.

    # Raises

    `NotExportable`
    """
    if not isinstance(extractor, ExportableExtractor):
        raise NotExportable(extractor)
    return extractor.exported()


@exported_pooling.register
def _(extractor: EndpointSpanExtractor) -> SpanPooling:
    if extractor._use_exclusive_start_indices or extractor._bucket_widths:
        raise NotExportable("'endpoint' with exclusive starts or widths in buckets")
    try:
        endpoint = Endpoint(extractor._input_dim, extractor._combination)
    except ValueError:
        raise NotExportable(f"'endpoint' with {extractor._combination!r}") from None
    if extractor._span_width_embedding is None:
        return endpoint
    table = extractor._span_width_embedding.weight.detach().cpu().numpy()
    return Concat([endpoint, SpanWidth(extractor._input_dim, table)])


def exported_encoder(embedder: TextFieldEmbedder) -> ExportedEncoder:
    """
    # Raises

    `NotExportable` unless it is one encoder of word pieces.
    """
    parts = list(embedder.children())
    for part in parts:
        if not isinstance(part, ExportableEmbedder):
            raise NotExportable(part)
    if len(parts) != 1:
        raise NotExportable(f"a model with {len(parts)} token embedders")
    exported: ExportedEncoder = parts[0].exported()  # type: ignore[operator]
    return exported


def exported_pair_scorer(scorer: torch.nn.Module, head_graph: str) -> ExportedPairScorer:
    """
    By what a `RelationScorer` is exported.

    # Raises

    `NotExportable` if it has no method `exported`.
    """
    if not isinstance(scorer, ExportablePairScorer):
        raise NotExportable(scorer)
    return scorer.exported(head_graph)


class _Encoder(torch.nn.Module):
    """An encoder, and what a scorer makes of its vectors before it looks at spans."""

    def __init__(self, encoder: torch.nn.Module, columns: Optional[torch.nn.Module]) -> None:
        super().__init__()
        self._encoder = encoder
        self._columns = columns

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        vectors: Tensor = self._encoder(input_ids, attention_mask)
        return vectors if self._columns is None else self._columns(vectors, attention_mask)
