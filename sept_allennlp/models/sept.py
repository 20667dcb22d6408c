from typing import Any, Dict, List, Optional, Tuple

import torch
from allennlp.common import Lazy
from allennlp.data import TextFieldTensors, Vocabulary
from allennlp.models import Model
from allennlp.modules import FeedForward, TextFieldEmbedder
from allennlp.modules.span_extractors import SpanExtractor
from allennlp.nn import InitializerApplicator
from allennlp.nn.util import get_text_field_mask
from typing_extensions import override

from sept_allennlp.models.relation_classifier import RelationClassifier, entity_spans
from sept_allennlp.models.span_classifier import SpanClassifier, SpanScores
from sept_allennlp.modules.candidate_spans import (
    PADDING,
    enumerate_spans,
    piece_mask,
    piece_offsets,
    select,
    word_to_piece_spans,
)
from sept_allennlp.modules.construction import construct_with_input_dim
from sept_allennlp.modules.decoding import Decoding
from sept_allennlp.modules.relation_scorers import RelatedSpans
from sept_allennlp.modules.span_filters import KeepAll, SpanFilter
from sept_allennlp.modules.span_samplers import RandomNegatives, SpanSampler
from sept_allennlp.modules.span_scoring import score_in_chunks
from sept_allennlp.modules.token_embedders import yields_pieces
from sept_allennlp.training.losses import check_relations_annotated, has_soft_relations
from sept_runtime.decoding import (
    NO_ENTITY,
    RelationDecoding,
    ScoredPairs,
    top_scoring_entities,
)
from sept_runtime.documents import Document, Prediction, ScoredSpan
from sept_runtime.options import Decoding as RuntimeDecoding


@Model.register("sept")
class SEPT(SpanClassifier):
    """
    Span Extractor with Pre-trained Transformers: named entity recognition by classifying spans.

    A document is encoded as a whole, its candidate spans are sampled (in training), represented by
    the span extractor, and classified one by one by an MLP with a softmax over the labels and
    "no entity" (paper, sections 3.2–3.4, Eq. (1)–(5)). In evaluation, a span filter may remove
    unlikely candidates first (section 3.5). Relations between the entities are found by the same
    model, with the parameter `relations`.

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
        Chooses the candidates of a training step.
    prior_correction : `float`, optional (default = `0.0`)
        How much of the bias that sampling gives to the probabilities is kept from being learned,
        from 0 (nothing, as in the paper) to 1 (all); see `SpanSampler.log_rates`. A higher value
        predicts fewer entities. It is used in training alone.
    span_filter : `SpanFilter`, optional (default = `KeepAll()`)
        Chooses the candidates of evaluation and prediction; training is never filtered.
    embedding_dropout : `float`, optional (default = `0.1`)
    decoding : `Decoding`, optional (default = `Decoding()`)
        Which of the classified spans become entities.
    max_spans_per_chunk : `int`, optional (default = `65536`)
        As for `SpanClassifier`.
    label_namespace : `str`, optional (default = `"labels"`)
    initializer : `InitializerApplicator`, optional
    relations : `Lazy[RelationClassifier]`, optional (default = `None`)
        Finds relations between the entities: the paper's future work.
    """

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

    @property
    def finds_relations(self) -> bool:
        """Return whether the model predicts relations."""
        return self._relations is not None

    @property
    def relation_decoding(self) -> Optional[RelationDecoding]:
        """Return the decoding of relations; `None` if the model finds none."""
        return None if self._relations is None else self._relations.decoding

    @property
    def symmetric_labels(self) -> Optional[Tuple[str, ...]]:
        """Return the labels of relations without a direction; `None` if the model finds none."""
        return None if self._relations is None else self._relations.decoding.symmetric_labels

    @property
    @override
    def decoding(self) -> RuntimeDecoding:
        decoding = super().decoding
        if self._relations is None:
            return decoding
        calibration, least = self._relations.calibration.get(), decoding.min_relation_score
        least = calibration.threshold(least) if least else calibration.best_threshold()
        return decoding.changed(min_relation_score=least)

    @override
    def forward(
        self,
        text: TextFieldTensors,
        sentence_ids: torch.Tensor,
        gold: torch.Tensor,
        metadata: List[Dict[str, Any]],
        soft_labels: Optional[torch.Tensor] = None,
        relations: Optional[torch.Tensor] = None,
        soft_relations: Optional[torch.Tensor] = None,
    ) -> Dict[str, Any]:
        """
        Classify the candidate spans of a batch, and the pairs of entities if there are relations.

        # Parameters

        text, sentence_ids, gold, metadata, soft_labels :
            As for `SpanClassifier`.
        relations : `torch.LongTensor`, optional
            Shape `(batch_size, num_relations, 5)`: first and last word of the head and of the tail,
            label; `PADDING` beyond the document's relations, and where they are not annotated.
        soft_relations : `torch.FloatTensor`, optional
            Shape `(batch_size, num_pairs, 4 + num_labels)`: a teacher's probabilities for pairs of
            entities, see `SoftRelationsField`.

        # Returns

        As for `SpanClassifier`. With relations, their loss (see `RelationClassifier.loss`) is added
        to `loss`, and in evaluation there are `relations`, per document a list of `ScoredRelation`.

        # Raises

        `ConfigurationError` if in training a document is not annotated, or has no relations and no
        soft labels although the model finds relations.
        """
        documents: List[Document] = [fields["document"] for fields in metadata]
        scores, outputs = self._classify(text, sentence_ids, gold, documents, soft_labels)
        if self._relations is None:
            return outputs
        if self.training:
            check_relations_annotated(documents, relations, soft_labels)
        is_soft = has_soft_relations(documents, soft_relations)
        is_annotated = [document.relations is not None for document in documents]
        if relations is not None and (self.training or any(is_soft) or any(is_annotated)):
            spans, mask = self._relations.spans_to_pair(gold, scores, soft_relations)
            related = self.related_spans(scores, text, spans, mask)
            loss = self._relations.loss(related, sentence_ids, relations, documents, soft_relations)
            outputs["loss"] = outputs.get("loss", 0.0) + self._relations.loss_weight * loss
        if not self.training:
            pairs = self.score_pairs(outputs["entities"], scores, text, sentence_ids)
            decoding, least = self._relations.decoding, self.decoding.min_relation_score
            outputs["relations"] = [decoding.decode(each, least) for each in pairs]
            self._relations.count(outputs["entities"], outputs["relations"], documents)
        return outputs

    @override
    def score_spans(
        self,
        text: TextFieldTensors,
        sentence_ids: torch.Tensor,
        gold: Optional[torch.Tensor] = None,
        keep_all: Optional[torch.Tensor] = None,
    ) -> SpanScores:
        """
        Score candidates: in training the sampled ones, in evaluation those that the filter keeps.

        Parameters and shapes are those of `SpanClassifier`. A document with soft labels is not
        sampled: its teacher gives the frequency of entities.
        """
        # Shape: (batch_size, num_pieces, dim)
        embedded = self._embedding_dropout(self._embedder(text))
        # Shape: (batch_size, num_spans, 2) and (batch_size, num_spans)
        spans, mask = enumerate_spans(sentence_ids, self._max_span_width)
        # Shape: (batch_size, num_spans)
        labels = None
        if gold is not None:
            labels = self.label_spans(spans, mask, gold, sentence_ids.size(1))
        if self.training:
            assert labels is not None
            keep = self._sampler(labels, mask)
            if keep_all is not None:
                keep = keep | mask & keep_all.unsqueeze(1)
            # Shape: (batch_size,)
            biases = self._prior_correction * self._sampler.log_rates(labels, mask, keep)
        else:
            keep = self._filter(text, spans, mask)
        if keep is not mask:
            if labels is not None:
                labels, _ = select(keep, labels)
            spans, mask = select(keep, spans)
        # Shape: (number of candidates in the batch, 1 + num_labels)
        logits = embedded.new_zeros(0, self._output.out_features)
        if mask.size(1):
            # In training, gradients need all vectors anyway.
            at_once = None if self.training else self._max_spans_per_chunk
            positions = self._positions(text, spans, mask)
            sequences = [embedded, self._sequence_mask(text)]
            logits = score_in_chunks(
                self._represent, self._score, sequences, positions, mask, at_once
            )
        if self.training:
            logits[:, NO_ENTITY] += biases.unsqueeze(1).expand_as(mask)[mask]
        return SpanScores(logits, spans, mask, labels, embedded)

    def _positions(
        self, text: TextFieldTensors, spans: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """Return each span's first and last position in the sequence: shape as `spans`."""
        if not self._over_pieces or not spans.size(1):
            return spans
        return word_to_piece_spans(spans, mask, piece_offsets(text))

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
        """Return the spans' vectors, as `score_in_chunks` needs them."""
        return self._span_extractor(
            embedded, spans, sequence_mask=sequence_mask, span_indices_mask=mask
        )

    def _score(self, vectors: torch.Tensor) -> torch.Tensor:
        """Map shape `(number of spans, span_dim)` to `(number of spans, 1 + num_labels)`."""
        return self._output(self._feedforward(vectors))

    @override
    def predict(
        self, text: TextFieldTensors, sentence_ids: torch.Tensor, decoding: RuntimeDecoding
    ) -> List[Prediction]:
        scores = self.score_spans(text, sentence_ids)
        found = self._predictions(scores, decoding)
        if self._relations is None:
            return found
        entities = [each.entities for each in found]
        pairs = self.score_pairs(entities, scores, text, sentence_ids)
        return self._relations.decoding.predict(found, pairs, decoding)

    def score_pairs(
        self,
        entities: List[List[ScoredSpan]],
        scores: SpanScores,
        text: TextFieldTensors,
        sentence_ids: torch.Tensor,
    ) -> List[ScoredPairs]:
        """
        Score the pairs of each document's entities, with a model that finds relations.

        # Parameters

        entities : `List[List[ScoredSpan]]`
            For each document some spans, in order.
        scores : `SpanScores`
            The result of `score_spans` for the same documents.
        text, sentence_ids :
            As for `score_spans`.
        """
        assert self._relations is not None
        num_words = (sentence_ids != PADDING).sum(dim=1).tolist()
        most = self._relations.max_entities_per_word
        indices = top_scoring_entities(entities, num_words, most)
        kept = [[found[index] for index in its] for found, its in zip(entities, indices)]
        spans, mask = entity_spans(kept, sentence_ids.device)
        related = self.related_spans(scores, text, spans, mask)
        return self._relations.score_pairs(related, indices, sentence_ids)

    def related_spans(
        self, scores: SpanScores, text: TextFieldTensors, spans: torch.Tensor, mask: torch.Tensor
    ) -> RelatedSpans:
        """
        Represent the spans that make pairs.

        # Parameters

        scores : `SpanScores`
            The result of `score_spans` for the same documents.
        text : `TextFieldTensors`
        spans : `torch.LongTensor`
            Shape `(batch_size, num_spans, 2)`: first and last word.
        mask : `torch.BoolTensor`
            Shape `(batch_size, num_spans)`.
        """
        assert scores.sequence is not None
        positions = self._positions(text, spans, mask).masked_fill(~mask.unsqueeze(-1), 0)
        # Shape: (batch_size, num_spans, 1 + num_labels)
        probabilities = torch.zeros(*mask.size(), self._output.out_features, device=mask.device)
        # Shape: (batch_size, num_spans, span_dim)
        vectors = scores.sequence.new_zeros(*mask.size(), self._span_extractor.get_output_dim())
        if mask.any():
            vectors = self._represent(scores.sequence, self._sequence_mask(text), positions, mask)
            with torch.no_grad():
                probabilities[mask] = self._score(vectors[mask]).float().softmax(dim=-1)
        return RelatedSpans(scores.sequence, spans, positions, mask, vectors, probabilities)

    @override
    def get_metrics(self, reset: bool = False) -> Dict[str, float]:
        metrics = super().get_metrics(reset)
        if self._relations is not None and not self.training:
            metrics.update(self._relations.report(reset))
        return metrics
