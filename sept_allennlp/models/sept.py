from typing import Any, Optional

import torch
from allennlp.common import Lazy
from allennlp.data import TextFieldTensors, Vocabulary
from allennlp.models import Model
from allennlp.modules import FeedForward, TextFieldEmbedder
from allennlp.modules.span_extractors import SpanExtractor
from allennlp.nn import InitializerApplicator
from allennlp.nn.util import get_text_field_mask

from sept_allennlp.models.joint_classifier import JointClassifier
from sept_allennlp.models.relation_classifier import RelationClassifier
from sept_allennlp.models.span_classifier import SpanScores
from sept_allennlp.modules.candidate_spans import (
    enumerate_spans,
    piece_mask,
    piece_offsets,
    select,
    word_to_piece_spans,
)
from sept_allennlp.modules.construction import construct_with_input_dim
from sept_allennlp.modules.decoding import Decoding
from sept_allennlp.modules.relation_scorers import RelatedSpans
from sept_allennlp.modules.span_filters.all import KeepAll
from sept_allennlp.modules.span_filters.span_filter import SpanFilter
from sept_allennlp.modules.span_samplers import RandomNegatives, SpanSampler
from sept_allennlp.modules.token_embedders import yields_pieces
from sept_runtime.decoding import NO_ENTITY


@Model.register("sept")
class SEPT(JointClassifier):
    """
    Span Extractor with Pre-trained Transformers: named entity recognition by classifying spans.

    A document is encoded as a whole, its candidate spans are sampled (in training), represented by
    the span extractor, and classified one by one by an MLP with a softmax over the labels and
    "no entity" (paper, sections 3.2–3.4, Eq. (1)–(5)). In evaluation, a span filter may spare it
    the unlikely ones (section 3.5).

    Registered as a `Model` with name "sept".

    # Parameters

    vocab : `Vocabulary`
    text_field_embedder : `TextFieldEmbedder`
        Embeds word pieces (the `word_pieces` indexer and embedder) or words (any other).
    span_extractor : `Lazy[SpanExtractor]`
        Turns spans into vectors; the paper's is `max_pool`, any of AllenNLP's will do. Its
        `input_dim` follows from the embedder and may be left out.
    feedforward : `Lazy[FeedForward]`
        The MLP before the output layer. Its `input_dim` follows from the extractor.
    max_span_width : `int`, optional (default = `12`)
        In words. Wider entities are not found (and count as missed).
    span_sampler : `SpanSampler`, optional (default = `RandomNegatives()`)
        Which candidates a training step looks at.
    prior_correction : `float`, optional (default = `0.0`)
        How much of the bias that sampling gives to the probabilities is kept from being learned,
        from 0 (nothing, as in the paper) to 1 (all); see `SpanSampler.log_rates`. The more, the
        fewer entities are predicted. Prediction itself does not depend on it.
    span_filter : `SpanFilter`, optional (default = `KeepAll()`)
        Which candidates are classified in evaluation and prediction; training is never filtered.
    embedding_dropout : `float`, optional (default = `0.1`)
    decoding : `Decoding`, optional (default = `Decoding()`)
        Which of the classified spans become entities.
    max_spans_per_chunk : `int`, optional (default = `65536`)
        As for `SpanClassifier`.
    label_namespace : `str`, optional (default = `"labels"`)
    initializer : `InitializerApplicator`, optional
    relations : `Lazy[RelationClassifier]`, optional (default = `None`)
        What finds relations between the entities, too: the paper's future work.
    """

    scores_all = False

    def __init__(
        self,
        vocab: Vocabulary,
        text_field_embedder: TextFieldEmbedder,
        span_extractor: Lazy[SpanExtractor],
        feedforward: Lazy[FeedForward],
        max_span_width: int = 12,
        span_sampler: Optional[SpanSampler] = None,
        prior_correction: float = 0.0,
        span_filter: Optional[SpanFilter] = None,
        embedding_dropout: float = 0.1,
        decoding: Optional[Decoding] = None,
        max_spans_per_chunk: int = 65536,
        label_namespace: str = "labels",
        initializer: Optional[InitializerApplicator] = None,
        relations: Optional[Lazy[RelationClassifier]] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            vocab, max_span_width, max_spans_per_chunk, decoding, label_namespace, **kwargs
        )
        self._embedder = text_field_embedder
        self._over_pieces = yields_pieces(text_field_embedder)
        self._embedding_dropout = torch.nn.Dropout(embedding_dropout)
        self._span_extractor = construct_with_input_dim(
            span_extractor, text_field_embedder.get_output_dim()
        )
        self._feedforward = construct_with_input_dim(
            feedforward, self._span_extractor.get_output_dim()
        )
        self._sampler = span_sampler or RandomNegatives()
        self._prior_correction = prior_correction
        self._filter = span_filter or KeepAll()
        self._filter.check(text_field_embedder, max_span_width)
        self._output = torch.nn.Linear(self._feedforward.get_output_dim(), 1 + len(self._labels))
        # Last, so that the other parts begin with the same weights as without it.
        self._relations = None
        if relations is not None:
            self._relations = relations.construct(
                vocab=vocab,
                span_dim=self._span_extractor.get_output_dim(),
                sequence_dim=text_field_embedder.get_output_dim(),
                num_classes=1 + len(self._labels),
            )
        if initializer is not None:
            initializer(self)

    def score_spans(
        self,
        text: TextFieldTensors,
        sentence_ids: torch.Tensor,
        gold: Optional[torch.Tensor] = None,
        whole: Optional[torch.Tensor] = None,
    ) -> SpanScores:
        """
        In training the scores of the candidates that are sampled (of all, where a teacher gives the
        frequency of entities as it is), in evaluation of those that the filter keeps.
        """
        # Shape: (batch_size, num_pieces, dim)
        embedded = self._embedding_dropout(self._embedder(text))
        # Shape: (batch_size, num_spans, 2) and (batch_size, num_spans)
        spans, mask = enumerate_spans(sentence_ids, self._max_span_width)
        if self.training:
            assert gold is not None
            labels = self._labels_of(spans, mask, gold, sentence_ids.size(1))
            keep = self._sampler(labels, mask)
            if whole is not None:
                keep = keep | mask & whole.unsqueeze(1)
            # Shape: (batch_size,)
            biases = self._prior_correction * self._sampler.log_rates(labels, mask, keep)
        else:
            keep = self._filter(text, spans, mask)
        if keep is not mask:
            spans, mask = select(keep, spans)

        # Shape: (number of candidates in the batch, 1 + num_labels)
        logits = self._classify(embedded, text, spans, mask)
        if self.training:
            logits[:, NO_ENTITY] += biases.unsqueeze(1).expand_as(mask)[mask]
        return SpanScores(logits, spans, mask, embedded)

    def _classify(
        self,
        embedded: torch.Tensor,
        text: TextFieldTensors,
        spans: torch.Tensor,
        mask: torch.Tensor,
    ) -> torch.Tensor:
        """
        The logits of candidates, as `SpanScores` has them.

        # Parameters

        embedded : `torch.FloatTensor`
            Shape `(batch_size, sequence_length, dim)`: of word pieces, or of words.
        text : `TextFieldTensors`
        spans : `torch.LongTensor`
            Shape `(batch_size, num_spans, 2)`: first and last word.
        mask : `torch.BoolTensor`
            Shape `(batch_size, num_spans)`.
        """
        if not mask.size(1):
            return embedded.new_zeros(0, self._output.out_features)
        if self._over_pieces:
            spans = word_to_piece_spans(spans, mask, piece_offsets(text))
        sequences = [embedded, self._sequence_mask(text)]
        return self._score_in_chunks(self._represent, self._score, sequences, spans, mask)

    def _sequence_mask(self, text: TextFieldTensors) -> torch.Tensor:
        """Return the mask of the embedded pieces or words: `(batch_size, sequence_length)`."""
        return piece_mask(text) if self._over_pieces else get_text_field_mask(text)

    def _represent(
        self,
        embedded: torch.Tensor,
        sequence_mask: torch.Tensor,
        spans: torch.Tensor,
        mask: torch.Tensor,
    ) -> torch.Tensor:
        """Return the spans' vectors, as `score_in_chunks` asks for them."""
        return self._span_extractor(
            embedded, spans, sequence_mask=sequence_mask, span_indices_mask=mask
        )

    def _score(self, vectors: torch.Tensor) -> torch.Tensor:
        """From shape `(number of spans, span_dim)` to `(number of spans, 1 + num_labels)`."""
        return self._output(self._feedforward(vectors))

    def related_spans(
        self, scores: SpanScores, text: TextFieldTensors, spans: torch.Tensor, mask: torch.Tensor
    ) -> RelatedSpans:
        """As for `JointClassifier`."""
        assert scores.sequence is not None
        positions = spans
        if self._over_pieces and spans.size(1):
            positions = word_to_piece_spans(spans, mask, piece_offsets(text))
        positions = positions.masked_fill(~mask.unsqueeze(-1), 0)
        # Shape: (batch_size, num_spans, 1 + num_labels)
        probabilities = torch.zeros(*mask.size(), self._output.out_features, device=mask.device)
        # Shape: (batch_size, num_spans, span_dim)
        vectors = scores.sequence.new_zeros(*mask.size(), self._span_extractor.get_output_dim())
        if mask.any():
            vectors = self._represent(scores.sequence, self._sequence_mask(text), positions, mask)
            with torch.no_grad():
                probabilities[mask] = self._score(vectors[mask]).float().softmax(dim=-1)
        return RelatedSpans(scores.sequence, spans, positions, mask, vectors, probabilities)
