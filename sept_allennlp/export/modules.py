"""
The PyTorch modules that become the graphs of an exported model.

These are encoders of word pieces, and heads that score spans and pairs of spans. A head is traced
from the modules that training uses, so any span extractor, feed-forward network and relation scorer
that PyTorch can trace is exported.
"""

from typing import NamedTuple, Tuple

import torch
from allennlp.modules import TextFieldEmbedder
from torch import Tensor
from typing_extensions import override

from sept_allennlp.export.errors import NotExportable
from sept_allennlp.models.sept import SEPT
from sept_allennlp.models.span_filter import SpanFilterModel
from sept_allennlp.modules.relation_scorers import RelatedSpans
from sept_allennlp.modules.span_filters.scorers import PooledScorer, SpanScorer, StartEndWidthScorer
from sept_allennlp.modules.token_embedders import StaticWordPieceEmbedder, WordPieceEmbedder
from sept_runtime.onnx.windows import Windows


class TracedNetwork(NamedTuple):
    """
    A network that scores spans, as modules to trace.

    # Parameters

    encoder : `torch.nn.Module`
        Takes word pieces, special ones included, and their mask, both of shape
        `(rows, num_pieces)`, and returns vectors of shape `(rows, num_pieces, dim)`.
    dim : `int`
    windows : `Windows`
    name : `str`
        The name of the encoder in training.
    head : `torch.nn.Module`
        As `span_head_signature` describes it.
    """

    encoder: torch.nn.Module
    dim: int
    windows: Windows
    name: str
    head: torch.nn.Module


def trace_model(model: SEPT) -> TracedNetwork:
    """
    Return the modules that encode a text and score its spans.

    # Raises

    `NotExportable` unless the embedder is one encoder of word pieces.
    """
    encoder, windows, name = _encoder(model._embedder)
    head = PooledHead(model._span_extractor, _Logits(model))
    return TracedNetwork(encoder, model._embedder.get_output_dim(), windows, name, head)


def trace_filter(model: SpanFilterModel) -> TracedNetwork:
    """Return the modules of a span filter, as `trace_model`."""
    encoder, windows, name = _encoder(model.embedder)
    scorer, dim = model._scorer, model.embedder.get_output_dim()
    if isinstance(scorer, PooledScorer):
        head = PooledHead(
            scorer._span_extractor, torch.nn.Sequential(scorer._feedforward, scorer._output)
        )
        return TracedNetwork(encoder, dim, windows, name, head)
    if isinstance(scorer, StartEndWidthScorer):
        # Its convolutions read the whole document, so they are a part of the encoder's graph.
        ends = _Ends(encoder, scorer)
        return TracedNetwork(
            ends, 2 * scorer._start.out_features, windows, name, _StartEndWidthHead(scorer)
        )
    return TracedNetwork(encoder, dim, windows, name, _ScorerHead(scorer))


def _encoder(embedder: TextFieldEmbedder) -> Tuple[torch.nn.Module, Windows, str]:
    parts = list(embedder.children())
    if len(parts) != 1:
        raise NotExportable(
            f"a model with {len(parts)} token embedders cannot be exported; there must be one"
        )
    (part,) = parts
    # Not subclasses, which pool the pieces of a word.
    if type(part) is StaticWordPieceEmbedder:
        windows = Windows((), (), padding=0, content=0, stride=0)
        return _Table(part._embedding), windows, part.model_name
    if type(part) is WordPieceEmbedder:
        windows = Windows(
            tuple(part._prefix.tolist()),
            tuple(part._suffix.tolist()),
            padding=part.padding_piece,
            content=part._content,
            stride=part._stride,
        )
        return _LastHiddenState(part.transformer_model), windows, part.model_name
    raise NotExportable(
        f"a token embedder of the class {type(part).__name__} cannot be exported; only embedders "
        "of type 'word_pieces' and 'static_word_pieces' can (docs/prediction.md)"
    )


class _Table(torch.nn.Module):
    """A table of embeddings, with zeros for padding."""

    def __init__(self, embedding: torch.nn.Embedding) -> None:
        super().__init__()
        self._embedding = embedding

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self._embedding(input_ids) * attention_mask.unsqueeze(-1)


class _LastHiddenState(torch.nn.Module):
    """An encoder from `transformers` that returns a single tensor."""

    def __init__(self, transformer: torch.nn.Module) -> None:
        super().__init__()
        self._transformer = transformer

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        outputs = self._transformer(input_ids=input_ids, attention_mask=attention_mask)
        hidden: Tensor = outputs.last_hidden_state
        return hidden


class _Ends(torch.nn.Module):
    """An encoder followed by the part of a `StartEndWidthScorer` that scores positions."""

    def __init__(self, encoder: torch.nn.Module, scorer: StartEndWidthScorer) -> None:
        super().__init__()
        self._encoder = encoder
        self._scorer = scorer

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        vectors = self._encoder(input_ids, attention_mask)
        return torch.cat(self._scorer._ends(vectors, attention_mask), dim=-1)


class _Logits(torch.nn.Module):
    """The part of SEPT that turns the vectors of spans into logits."""

    def __init__(self, model: SEPT) -> None:
        super().__init__()
        self._model = model

    def forward(self, vectors: Tensor) -> Tensor:
        return self._model._score(vectors)


class PooledHead(torch.nn.Module):
    """
    Scores of spans by a span extractor and a network over each span's vector.

    # Parameters

    extractor : `torch.nn.Module`
    network : `torch.nn.Module`
        Takes vectors of shape `(num_rows, span_dim)`, and returns scores of shape
        `(num_rows, num_scores)`.
    """

    def __init__(self, extractor: torch.nn.Module, network: torch.nn.Module) -> None:
        super().__init__()
        self._extractor = extractor
        self._network = network

    @override
    def forward(
        self, vectors: Tensor, lengths: Tensor, spans: Tensor, widths: Tensor, rows: Tensor
    ) -> Tensor:
        represented = represent(self._extractor, vectors, lengths, spans)
        scores: Tensor = self._network(represented.flatten(0, 1).index_select(0, rows))
        return scores


class _StartEndWidthHead(torch.nn.Module):
    """The part of a `StartEndWidthScorer` that scores spans."""

    def __init__(self, scorer: StartEndWidthScorer) -> None:
        super().__init__()
        self._scorer = scorer

    def forward(
        self, vectors: Tensor, lengths: Tensor, spans: Tensor, widths: Tensor, rows: Tensor
    ) -> Tensor:
        batch_size, length, _ = vectors.size()
        starts, ends = vectors.flatten(0, 1).chunk(2, dim=-1)
        positions = spans + torch.arange(batch_size).view(-1, 1, 1) * length
        # Padded spans have no width.
        scores = self._scorer._pair(starts, ends, positions, (widths - 1).clamp(min=0))
        return scores.flatten().index_select(0, rows).unsqueeze(-1)


class _ScorerHead(torch.nn.Module):
    """Any other `SpanScorer`."""

    def __init__(self, scorer: SpanScorer) -> None:
        super().__init__()
        self._scorer = scorer

    def forward(
        self, vectors: Tensor, lengths: Tensor, spans: Tensor, widths: Tensor, rows: Tensor
    ) -> Tensor:
        mask = torch.ones_like(widths, dtype=torch.bool)
        scores = self._scorer(vectors, _mask(vectors, lengths), spans, widths, mask)
        return scores.flatten().index_select(0, rows).unsqueeze(-1)


def pair_head(model: SEPT) -> "PairHead":
    """Return the module that scores pairs of spans for a model that finds relations."""
    relations = model._relations
    assert relations is not None
    return PairHead(model._span_extractor, _Logits(model), relations._scorer)


class PairHead(torch.nn.Module):
    """
    Scores of pairs of spans.

    # Parameters

    extractor : `torch.nn.Module`
    classifier : `torch.nn.Module`
        Takes the vectors of spans, and returns the logits of their labels.
    scorer : `torch.nn.Module`
        A `RelationScorer`.
    """

    def __init__(
        self, extractor: torch.nn.Module, classifier: torch.nn.Module, scorer: torch.nn.Module
    ) -> None:
        super().__init__()
        self._extractor = extractor
        self._classifier = classifier
        self._scorer = scorer

    @override
    def forward(
        self,
        vectors: Tensor,
        lengths: Tensor,
        spans: Tensor,
        words: Tensor,
        pairs: Tensor,
        rows: Tensor,
    ) -> Tensor:
        represented = represent(self._extractor, vectors, lengths, spans)
        probabilities = self._classifier(represented).softmax(dim=-1)
        mask = torch.ones_like(spans[..., 0], dtype=torch.bool)
        related = RelatedSpans(vectors, words, spans, mask, represented, probabilities)
        pair_mask = torch.ones_like(pairs[..., 0], dtype=torch.bool)
        scores: Tensor = self._scorer(related, pairs, pair_mask)
        return scores.index_select(0, rows)


def represent(
    extractor: torch.nn.Module, vectors: Tensor, lengths: Tensor, spans: Tensor
) -> Tensor:
    """Return the vectors of spans, padded spans included: `(batch_size, num_spans, span_dim)`."""
    represented: Tensor = extractor(vectors, spans, sequence_mask=_mask(vectors, lengths))
    return represented


def _mask(vectors: Tensor, lengths: Tensor) -> Tensor:
    return torch.arange(vectors.size(1)) < lengths.unsqueeze(1)
