from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np
import torch
from allennlp.common import FromParams, Lazy
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary

from sept_allennlp.models.span_classifier import SpanScores
from sept_allennlp.modules.candidate_spans import PADDING
from sept_allennlp.modules.construction import labels_in
from sept_allennlp.modules.pair_samplers import PairSampler, RandomNegativePairs
from sept_allennlp.modules.relation_scorers import RelatedSpans, RelationScorer
from sept_allennlp.modules.score_calibration import ScoreCalibration
from sept_allennlp.modules.span_pairs import label_pairs, select_pairs, sentence_pairs
from sept_allennlp.training.losses import (
    gold_shares,
    has_soft_relations,
    mean_over_documents,
    zero_loss,
)
from sept_allennlp.training.metrics import CalibrationError, StrictRelationF1
from sept_runtime.decoding import NO_ENTITY, RelationDecoding, ScoredPairs
from sept_runtime.documents import Document, Prediction, ScoredRelation, ScoredSpan


class RelationClassifier(torch.nn.Module, FromParams):
    """
    The part `relations` of `SEPT`: a classifier of pairs of entities.

    Two entities of one sentence make two pairs, one for each direction. A pair has an independent
    probability for each label (a sigmoid), so that it may have several, which does not occur in
    SciERC. In training, the pairs are those of the annotated entities, and are sampled. The
    relations are classified as in SpERT (Eberts and Ulges 2020, "Span-based Joint Entity and
    Relation Extraction with Transformer Pre-training", section 3).

    # Parameters

    vocab : `Vocabulary`
    span_dim, sequence_dim, num_classes : `int`
        Given by the model; see `RelatedSpans`.
    scorer : `Lazy[RelationScorer]`, optional (default = `PooledContextScorer`)
    sampler : `PairSampler`, optional (default = `RandomNegativePairs()`)
        Chooses the pairs of a training step.
    symmetric_labels : `List[str]`, optional (default = `[]`)
        The labels of relations without a direction, such as SciERC's COMPARE and CONJUNCTION:
        trained in both directions, predicted once, and right in either order.
    threshold : `float`, optional (default = `0.3`)
        The probability, before its calibration, that a relation must reach. It is below one half,
        because F1 is highest at a threshold of half of F1, if probabilities are true (see
        `Calibration.best_threshold`); SpERT has 0.4, which makes no difference to F1 on SciERC
        (docs/results.md). `Decoding.min_relation_score` can only raise it, which a calibrated model
        does by itself.
    loss_weight : `float`, optional (default = `1.0`)
        The weight of the relations' loss beside that of the entities.
    num_hard_negatives : `int`, optional (default = `0`)
        In training, pair up to this many of a document's sampled candidates that are wrongly taken
        for entities, too. Such pairs have no relations.
    max_distance : `int`, optional (default = `60`)
        The maximum number of words between two entities that make a pair; in SciERC's training data
        it is 51. It keeps the number of pairs proportional to the number of words, even if a
        sentence does not end.
    max_entities_per_word : `float`, optional (default = `0.4`)
        In prediction, the maximum number of a document's entities that make pairs, as a share of
        its words: the most probable ones. SciERC has one entity in eight words, and a model at the
        start of its training may find hundreds in a sentence.
    max_pairs_per_chunk : `int`, optional (default = `16384`)
        In evaluation, the maximum number of pairs to represent at once, which bounds the memory
        that a very long document takes.
    label_namespace : `str`, optional (default = `"relation_labels"`)

    # Raises

    `ConfigurationError` if the training data has no relations or none with one of
    `symmetric_labels`, and for a `threshold` outside [0, 1].
    """

    def __init__(
        self,
        vocab: Vocabulary,
        span_dim: int,
        sequence_dim: int,
        num_classes: int,
        scorer: Optional[Lazy[RelationScorer]] = None,
        sampler: Optional[PairSampler] = None,
        symmetric_labels: Optional[List[str]] = None,
        threshold: float = 0.3,
        loss_weight: float = 1.0,
        num_hard_negatives: int = 0,
        max_distance: int = 60,
        max_entities_per_word: float = 0.4,
        max_pairs_per_chunk: int = 16384,
        label_namespace: str = "relation_labels",
    ) -> None:
        super().__init__()
        self._labels = labels_in(vocab, label_namespace)
        if not self._labels:
            raise ConfigurationError(
                "the model is to find relations (model.relations), but the training data gives "
                "none: set dataset_reader.relations, and train on documents with 'relations'"
            )
        if not 0.0 <= threshold <= 1.0:
            raise ConfigurationError(f"threshold must be between 0 and 1, got {threshold}")
        scorer = scorer or Lazy(RelationScorer)
        self._scorer = scorer.construct(
            span_dim=span_dim,
            sequence_dim=sequence_dim,
            num_classes=num_classes,
            num_labels=len(self._labels),
        )
        self._sampler = sampler or RandomNegativePairs()
        symmetric_labels = symmetric_labels or []
        unknown = [label for label in symmetric_labels if label not in self._labels]
        if unknown:
            raise ConfigurationError(
                f"model.relations.symmetric_labels has {', '.join(unknown)}, but the labels of the "
                f"data's relations are {', '.join(sorted(self._labels))}"
            )
        self._symmetric_labels = tuple(symmetric_labels)
        self._threshold = threshold
        self.calibration = ScoreCalibration()
        symmetric = [label in symmetric_labels for label in self._labels]
        self._symmetric: torch.Tensor
        self.register_buffer("_symmetric", torch.tensor(symmetric), persistent=False)
        self.loss_weight = loss_weight
        self._num_hard_negatives = num_hard_negatives
        self._max_distance = max_distance
        self.max_entities_per_word = max_entities_per_word
        self._max_pairs_per_chunk = max_pairs_per_chunk
        self._metric = StrictRelationF1(self._labels, symmetric_labels)
        self._calibration_error = CalibrationError()

    @property
    def decoding(self) -> RelationDecoding:
        """Return the decoding of relations, with the calibration of their scores."""
        return RelationDecoding(
            self._labels, self._symmetric_labels, self._threshold, self.calibration.get()
        )

    def spans_to_pair(
        self, gold: torch.Tensor, scores: SpanScores, soft_relations: Optional[torch.Tensor] = None
    ) -> Tuple[torch.Tensor, torch.Tensor]:
        """
        Return the spans whose pairs have targets.

        They are the annotated entities, in training up to `num_hard_negatives` others, and then the
        heads and the tails of a teacher's pairs.

        # Parameters

        gold : `torch.LongTensor`
            Shape `(batch_size, num_gold, 3)`, as for `SEPT.forward`.
        scores : `SpanScores`
            With labels.
        soft_relations : `torch.FloatTensor`, optional
            Shape `(batch_size, num_soft, 4 + num_labels)`, as for `SEPT.forward`.

        # Returns

        Spans and mask, of shapes `(batch_size, num_spans, 2)` and `(batch_size, num_spans)`.
        """
        spans, masks = [gold[..., :2]], [gold[..., 0] != PADDING]
        if self.training and self._num_hard_negatives:
            hard_negatives, mask = top_scoring_errors(scores, self._num_hard_negatives)
            spans.append(hard_negatives)
            masks.append(mask)
        if soft_relations is not None:
            spans += [soft_relations[..., :2].long(), soft_relations[..., 2:4].long()]
            masks += [soft_relations[..., 0] != PADDING] * 2
        return torch.cat(spans, dim=1), torch.cat(masks, dim=1)

    def loss(
        self,
        spans: RelatedSpans,
        sentence_ids: torch.Tensor,
        relations: torch.Tensor,
        documents: List[Document],
        soft_relations: Optional[torch.Tensor] = None,
    ) -> torch.Tensor:
        """
        Return the binary cross-entropy of a batch, a scalar.

        It is summed over the labels and pairs of a document, in training over the sampled pairs,
        and averaged over the documents whose relations are annotated. In a document with a
        teacher's probabilities it is the cross-entropy with these, over all pairs that the teacher
        lists. A document with both has the mean of the two losses.

        # Parameters

        spans : `RelatedSpans`
            The annotated entities, with hard negatives if there are any, and then the entities of
            `soft_relations`, see `spans_to_pair`.
        sentence_ids : `torch.LongTensor`
            Shape `(batch_size, num_words)`.
        relations : `torch.LongTensor`
            Shape `(batch_size, num_relations, 5)`, as for `label_pairs`.
        documents : `List[Document]`
        soft_relations : `torch.FloatTensor`, optional
            Shape `(batch_size, num_soft, 4 + num_labels)`, see `SoftRelationsField`.
        """
        num_soft = 0 if soft_relations is None else soft_relations.size(1)
        num_gold = spans.mask.size(1) - 2 * num_soft
        words, is_span = spans.words[:, :num_gold], spans.mask[:, :num_gold]
        keep = sentence_pairs(words, is_span, sentence_ids, self._max_distance)
        labels = label_pairs(words, is_span, relations, self._symmetric)
        if self.training:
            related = labels.any(dim=-1).flatten(1)
            keep = self._sampler(related, keep.flatten(1)).view_as(keep)
        pairs, mask = select_pairs(keep)
        # Shape: (batch_size, num_pairs, num_labels)
        targets = torch.zeros(*mask.size(), len(self._labels), device=mask.device)
        targets[mask] = labels[keep].float()
        is_annotated = [document.relations is not None for document in documents]
        is_soft = has_soft_relations(documents, soft_relations)
        # Shape: (batch_size, 1)
        share = gold_shares(is_annotated, is_soft, mask.device).unsqueeze(1)
        # Shape: (batch_size, num_pairs)
        weights = share.expand_as(mask)
        if soft_relations is not None:
            heads = num_gold + torch.arange(num_soft, device=mask.device)
            soft_pairs = torch.stack([heads, heads + num_soft], dim=-1)
            pairs = torch.cat([pairs, soft_pairs.expand(len(pairs), -1, -1)], dim=1)
            mask = torch.cat([mask, soft_relations[..., 0] != PADDING], dim=1)
            targets = torch.cat([targets, soft_relations[..., 4:]], dim=1)
            weights = torch.cat([weights, (1.0 - share).expand(-1, num_soft)], dim=1)
        if not mask.any():
            return zero_loss(self)
        losses = torch.nn.functional.binary_cross_entropy_with_logits(
            self._scores(spans, pairs, mask), targets[mask], reduction="none"
        )
        learnable = [gold or soft for gold, soft in zip(is_annotated, is_soft)]
        return mean_over_documents(losses.sum(dim=-1) * weights[mask], mask, learnable, documents)

    def score_pairs(
        self, spans: RelatedSpans, indices: Sequence[List[int]], sentence_ids: torch.Tensor
    ) -> List[ScoredPairs]:
        """
        Score each document's pairs of entities, for `decoding`.

        # Parameters

        spans : `RelatedSpans`
            The entities that make pairs, in order.
        indices : `Sequence[List[int]]`
            For each document the indices of these among all its entities.
        sentence_ids : `torch.LongTensor`
            Shape `(batch_size, num_words)`.
        """
        keep = sentence_pairs(spans.words, spans.mask, sentence_ids, self._max_distance)
        # All unordered pairs.
        pairs, mask = select_pairs(keep.triu())
        # Both directions, one after the other in each document.
        both, both_mask = torch.cat([pairs, pairs.flip(-1)], dim=1), mask.repeat(1, 2)
        # Shape: (batch_size, 2 * num_pairs, num_labels)
        probabilities = torch.zeros(*both_mask.size(), len(self._labels), device=mask.device)
        if mask.any():
            probabilities[both_mask] = self._scores(spans, both, both_mask).detach().sigmoid()
        # Shape: (number of pairs in the batch, 2, num_labels)
        by_pair = torch.stack(probabilities.chunk(2, dim=1), dim=2)[mask].cpu()
        counts = mask.sum(dim=1).tolist()
        return [
            ScoredPairs(
                np.array(document_indices, dtype=int)[document_pairs.numpy()],
                document_probabilities.numpy(),
            )
            for document_probabilities, document_pairs, document_indices in zip(
                by_pair.split(counts), pairs[mask].cpu().split(counts), indices
            )
        ]

    def count(
        self,
        entities: Sequence[List[ScoredSpan]],
        relations: Sequence[List[ScoredRelation]],
        documents: Sequence[Document],
    ) -> None:
        """Count the predictions for a batch of documents; those without annotation are ignored."""
        predictions = list(map(Prediction, entities, relations))
        self._metric(predictions, documents)
        self._calibration_error.count_relations(predictions, documents, self._symmetric_labels)

    def report(self, reset: bool) -> Dict[str, float]:
        """
        Return the metrics of `StrictRelationF1`.

        With `reset` also `rel_calibration_error` and `rel_brier_score`.
        """
        metrics = self._metric.report(reset)
        if reset:
            errors = self._calibration_error.get_metric(reset)
            metrics.update({f"rel_{name}": value for name, value in errors.items()})
        return metrics

    def _scores(self, spans: RelatedSpans, pairs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """
        Return the scorer's logits in full precision.

        In evaluation, `max_pairs_per_chunk` pairs are scored at a time.
        """
        size = mask.size(1)
        if not self.training:
            size = min(size, max(self._max_pairs_per_chunk // mask.size(0), 1))
        if size == mask.size(1):
            return self._scorer(spans, pairs, mask).float()
        # Shape: (batch_size, num_pairs, num_labels)
        logits = spans.vectors.new_zeros(*mask.size(), len(self._labels), dtype=torch.float)
        for start in range(0, mask.size(1), size):
            chunk = slice(start, start + size)
            chunk_mask = mask[:, chunk]
            logits[:, chunk][chunk_mask] = self._scorer(spans, pairs[:, chunk], chunk_mask).float()
        return logits[mask]


def entity_spans(
    entities: Sequence[List[ScoredSpan]], device: torch.device
) -> Tuple[torch.Tensor, torch.Tensor]:
    """
    Return the words of each document's entities as tensors.

    # Returns

    spans : `torch.LongTensor`
        Shape `(batch_size, num_spans, 2)`: first and last word; `PADDING` beyond a document's
        entities.
    mask : `torch.BoolTensor`
        Shape `(batch_size, num_spans)`.
    """
    words = [
        torch.tensor([entity[:2] for entity in found], dtype=torch.long).view(-1, 2)
        for found in entities
    ]
    spans = torch.nn.utils.rnn.pad_sequence(words, batch_first=True, padding_value=PADDING)
    spans = spans.to(device)
    return spans, spans[..., 0] != PADDING


def top_scoring_errors(scores: SpanScores, number: int) -> Tuple[torch.Tensor, torch.Tensor]:
    """
    Return the most confident false positives of each document.

    # Parameters

    scores : `SpanScores`
        With labels.
    number : `int`
        The maximum number for each document.

    # Returns

    spans : `torch.LongTensor`
        Shape `(batch_size, up to number, 2)`; anything where the mask is false.
    mask : `torch.BoolTensor`
        Shape `(batch_size, up to number)`.
    """
    assert scores.labels is not None
    probabilities = scores.logits.detach().softmax(dim=-1)
    is_predicted = probabilities.argmax(dim=-1) != NO_ENTITY
    is_error = is_predicted & (scores.labels[scores.mask] == NO_ENTITY)
    # Shape: (batch_size, num_spans)
    confidence = probabilities.new_zeros(scores.mask.size())
    confidence[scores.mask] = is_error * (1.0 - probabilities[:, NO_ENTITY])
    top, indices = confidence.topk(min(number, confidence.size(1)), dim=1)
    return scores.spans.gather(1, indices.unsqueeze(-1).expand(-1, -1, 2)), top > 0.0
