from typing import Dict, List, Optional, Sequence, Tuple

import numpy
import torch
from allennlp.common import FromParams, Lazy
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary

from sept_allennlp.models.paired_spans import surest_errors
from sept_allennlp.models.span_classifier import SpanScores
from sept_allennlp.modules.candidate_spans import PADDING
from sept_allennlp.modules.construction import labels_in
from sept_allennlp.modules.pair_samplers import PairSampler, RandomNegativePairs
from sept_allennlp.modules.relation_scorers import RelatedSpans, RelationScorer
from sept_allennlp.modules.span_pairs import label_pairs, select_pairs, sentence_pairs
from sept_allennlp.training.losses import are_taught, mean_over_documents, zero_loss
from sept_allennlp.training.metrics import StrictRelationF1
from sept_runtime.decoding import RelationDecoding, ScoredPairs
from sept_runtime.documents import Document, Prediction, ScoredRelation, ScoredSpan


class RelationClassifier(torch.nn.Module, FromParams):
    """
    Finds the relations between the entities that a model of spans has found: the part `relations`
    of `SEPT`.

    Two entities of one sentence make two pairs, one for each direction. A pair is given a
    probability for each label by itself (a sigmoid), so that it may have several, which SciERC's
    have not. In training, the pairs are those of the annotated entities, and are sampled. The
    relations are classified as in SpERT (Eberts and Ulges 2020, "Span-based Joint Entity and
    Relation Extraction with Transformer Pre-training", section 3).

    # Parameters

    vocab : `Vocabulary`
    span_dim, sequence_dim, num_classes : `int`
        Given by the model; see `RelatedSpans`.
    scorer : `Lazy[RelationScorer]`, optional (default = `PooledContextScorer`)
    sampler : `PairSampler`, optional (default = `RandomNegativePairs()`)
        Which pairs a training step looks at.
    symmetric_labels : `List[str]`, optional (default = `[]`)
        The labels of relations without a direction, as SciERC's COMPARE and CONJUNCTION: trained on
        in both directions, predicted once, and right in either order.
    threshold : `float`, optional (default = `0.3`)
        The probability from which on there is a relation. Below one half, because F1 is highest
        where the threshold is half of it, were the probabilities true (Lipton, Elkan and
        Narayanaswamy 2014, "Optimal Thresholding of Classifiers to Maximize F1 Measure"); SpERT has
        0.4, which makes no difference to F1 on SciERC (docs/results.md).
        `Decoding.min_relation_score` can only raise it.
    loss_weight : `float`, optional (default = `1.0`)
        Of this part's loss beside that of the entities.
    wrong_spans : `int`, optional (default = `0`)
        How many spans of a document, at most, that were sampled in training and are wrongly taken
        for entities, make pairs as well: without relations, of course.
    max_distance : `int`, optional (default = `60`)
        How many words may lie between two entities that make a pair; in SciERC's training data they
        are 51 at most. It keeps the number of pairs in proportion to that of words, also where a
        sentence does not end.
    entities_per_word : `float`, optional (default = `0.4`)
        In prediction, how many of a document's entities make pairs, as a share of its words: the
        surest of more. SciERC has one in eight words, and a model that is hardly trained yet may
        find hundreds in a sentence.
    max_pairs_per_chunk : `int`, optional (default = `16384`)
        In evaluation, the most pairs to represent in one go, which bounds the memory that a very
        long document takes.
    label_namespace : `str`, optional (default = `"relation_labels"`)

    # Raises

    `ConfigurationError` where the training data has no relations or none with one of
    `symmetric_labels`, and for a `threshold` that is no probability.
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
        wrong_spans: int = 0,
        max_distance: int = 60,
        entities_per_word: float = 0.4,
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
            raise ConfigurationError(f"threshold must lie between 0 and 1: {threshold}")
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
        self.decoding = RelationDecoding(self._labels, tuple(symmetric_labels), threshold)
        symmetric = [label in symmetric_labels for label in self._labels]
        self._symmetric: torch.Tensor
        self.register_buffer("_symmetric", torch.tensor(symmetric), persistent=False)
        self.loss_weight = loss_weight
        self.wrong_spans = wrong_spans
        self._max_distance = max_distance
        self.entities_per_word = entities_per_word
        self._max_pairs_per_chunk = max_pairs_per_chunk
        self._metric = StrictRelationF1(self._labels, symmetric_labels)

    def add_wrong_spans(
        self, spans: torch.Tensor, mask: torch.Tensor, scores: SpanScores, labels: torch.Tensor
    ) -> Tuple[torch.Tensor, torch.Tensor]:
        """
        The entities of each document with up to `wrong_spans` others that are wrongly taken for
        some.

        # Parameters

        spans : `torch.LongTensor`
            Shape `(batch_size, num_gold, 2)`: first and last word.
        mask : `torch.BoolTensor`
            Shape `(batch_size, num_gold)`.
        scores, labels :
            As for `surest_errors`.

        # Returns

        Spans and mask, of shapes `(batch_size, num_gold + num_wrong, 2)` and `(batch_size, num_gold
        + num_wrong)`.
        """
        wrong, is_wrong = surest_errors(scores, labels, self.wrong_spans)
        return torch.cat([spans, wrong], dim=1), torch.cat([mask, is_wrong], dim=1)

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
            `soft_relations`, see `add_soft_pairs`.
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
        words, is_gold = spans.words[:, :num_gold], spans.mask[:, :num_gold]
        keep = sentence_pairs(words, is_gold, sentence_ids, self._max_distance)
        labels = label_pairs(words, is_gold, relations, self._symmetric)
        if self.training:
            related = labels.any(dim=-1).flatten(1)
            keep = self._sampler(related, keep.flatten(1)).view_as(keep)
        pairs, mask = select_pairs(keep)
        # Shape: (batch_size, num_pairs, num_labels)
        targets = torch.zeros(*mask.size(), len(self._labels), device=mask.device)
        targets[mask] = labels[keep].float()
        # Shape (both): (batch_size,)
        gold, taught = torch.tensor(
            [
                [float(document.relations is not None) for document in documents],
                [float(has_soft_relations(document, soft_relations)) for document in documents],
            ],
            device=mask.device,
        )
        total = (gold + taught).clamp(min=1.0)
        # Shape: (batch_size, num_pairs)
        weights = (gold / total).unsqueeze(1).expand_as(mask)
        if soft_relations is not None:
            heads = num_gold + torch.arange(num_soft, device=mask.device)
            soft_pairs = torch.stack([heads, heads + num_soft], dim=-1)
            pairs = torch.cat([pairs, soft_pairs.expand(len(pairs), -1, -1)], dim=1)
            mask = torch.cat([mask, soft_relations[..., 0] != PADDING], dim=1)
            targets = torch.cat([targets, soft_relations[..., 4:]], dim=1)
            soft_weights = (taught / total).unsqueeze(1).expand(-1, num_soft)
            weights = torch.cat([weights, soft_weights], dim=1)
        if not mask.any():
            return zero_loss(self)
        losses = torch.nn.functional.binary_cross_entropy_with_logits(
            self._scores(spans, pairs, mask), targets[mask], reduction="none"
        )
        learnable = (gold + taught > 0).tolist()
        return mean_over_documents(losses.sum(dim=-1) * weights[mask], mask, learnable, documents)

    def score_pairs(
        self, spans: RelatedSpans, places: Sequence[List[int]], sentence_ids: torch.Tensor
    ) -> List[ScoredPairs]:
        """
        Each document's pairs of entities, which `decoding` makes relations of.

        # Parameters

        spans : `RelatedSpans`
            The entities that make pairs, in order.
        places : `Sequence[List[int]]`
            For each document where these stand among all its entities.
        sentence_ids : `torch.LongTensor`
            Shape `(batch_size, num_words)`.
        """
        keep = sentence_pairs(spans.words, spans.mask, sentence_ids, self._max_distance)
        # Each two once.
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
                numpy.array(document_places, dtype=int)[document_pairs.numpy()],
                document_probabilities.numpy(),
            )
            for document_probabilities, document_pairs, document_places in zip(
                by_pair.split(counts), pairs[mask].cpu().split(counts), places
            )
        ]

    def count(
        self,
        entities: Sequence[List[ScoredSpan]],
        relations: Sequence[List[ScoredRelation]],
        documents: Sequence[Document],
    ) -> None:
        """Counts what was found in a batch of documents, as far as they are annotated."""
        self._metric(map(Prediction, entities, relations), documents)

    def report(self, reset: bool) -> Dict[str, float]:
        """As for `StrictRelationF1`."""
        return self._metric.report(reset)

    def _scores(self, spans: RelatedSpans, pairs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """
        The scorer's logits, with its shapes, in evaluation of `max_pairs_per_chunk` pairs at a
        time; in full precision also where the rest is not.
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


def has_soft_relations(document: Document, soft_relations: Optional[torch.Tensor]) -> bool:
    """Return whether a batch has a teacher's probabilities for relations of a document."""
    soft = document.soft
    return soft_relations is not None and soft is not None and soft.relations is not None


def add_soft_pairs(
    spans: torch.Tensor, mask: torch.Tensor, soft_relations: torch.Tensor
) -> Tuple[torch.Tensor, torch.Tensor]:
    """
    Append the heads of all pairs that a teacher lists, and then their tails.

    # Parameters

    spans : `torch.LongTensor`
        Shape `(batch_size, num_spans, 2)`: first and last word.
    mask : `torch.BoolTensor`
        Shape `(batch_size, num_spans)`.
    soft_relations : `torch.FloatTensor`
        Shape `(batch_size, num_soft, 4 + num_labels)`, see `SoftRelationsField`.

    # Returns

    Spans and mask, of shapes `(batch_size, num_spans + 2 * num_soft, 2)` and `(batch_size,
    num_spans + 2 * num_soft)`.
    """
    heads, tails = soft_relations[..., :2].long(), soft_relations[..., 2:4].long()
    is_pair = soft_relations[..., 0] != PADDING
    return torch.cat([spans, heads, tails], dim=1), torch.cat([mask, is_pair, is_pair], dim=1)


def check_relations_annotated(
    documents: List[Document],
    relations: Optional[torch.Tensor],
    soft_labels: Optional[torch.Tensor] = None,
) -> None:
    """
    # Parameters

    documents : `List[Document]`
    relations, soft_labels : `torch.Tensor`, optional
        As for `SEPT.forward`. What a teacher has annotated needs no relations.

    # Raises

    `ConfigurationError` if relations are to be learned from documents of which one has none
    annotated, or from a reader that does not give them.
    """
    if relations is None:
        raise ConfigurationError(
            "the model is to learn relations (model.relations), but the dataset reader does not "
            "give them: set dataset_reader.relations"
        )
    for document, is_taught in zip(documents, are_taught(documents, soft_labels)):
        if document.relations is None and not is_taught:
            raise ConfigurationError(
                f"{document.describe()}: cannot learn relations (model.relations) from a document "
                "without 'relations'"
            )
