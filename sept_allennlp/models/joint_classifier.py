"""A model of spans that may have a part for the relations between them."""

from abc import abstractmethod
from typing import Any, Dict, List, Optional, Tuple

import torch
from allennlp.data import TextFieldTensors

from sept_allennlp.models.paired_spans import places_of
from sept_allennlp.models.relation_classifier import (
    RelationClassifier,
    add_soft_pairs,
    check_relations_annotated,
    has_soft_relations,
)
from sept_allennlp.models.span_classifier import SpanClassifier, SpanScores
from sept_allennlp.modules.candidate_spans import PADDING
from sept_allennlp.modules.relation_scorers import RelatedSpans
from sept_runtime.decoding import RelationDecoding, ScoredPairs, top_scoring_entities
from sept_runtime.documents import Document, Prediction, ScoredSpan
from sept_runtime.options import Decoding as RuntimeDecoding


class JointClassifier(SpanClassifier):
    """
    A `SpanClassifier` that finds relations between its entities, too, where it is given a part for
    them. A subclass says in `related_spans` what these are told by.

    # Parameters

    As for `SpanClassifier`. A subclass sets `_relations` to the part that it is given, or `None`.
    """

    _relations: Optional[RelationClassifier]

    @property
    def finds_relations(self) -> bool:
        """Whether there is a part for relations, so that predictions have some."""
        return self._relations is not None

    @property
    def relation_decoding(self) -> Optional[RelationDecoding]:
        """The labels of relations, and from when on there is one; `None` without such a part."""
        return None if self._relations is None else self._relations.decoding

    @property
    def symmetric_labels(self) -> Optional[Tuple[str, ...]]:
        """The labels of relations without a direction; `None` without a part for relations."""
        return None if self._relations is None else self._relations.decoding.symmetric_labels

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

        As for `SpanClassifier`. With a part for relations, its loss (see `RelationClassifier.loss`)
        is added to `loss`, and in evaluation there are `relations`, per document a list of
        `ScoredRelation`.

        # Raises

        `ConfigurationError` if in training a document is not annotated, relations included where
        there is a part for them; a teacher's soft labels do for entities and need no relations.
        """
        documents: List[Document] = [fields["document"] for fields in metadata]
        scores, outputs = self._outputs(text, sentence_ids, gold, documents, soft_labels)
        if self._relations is None:
            return outputs
        if self.training:
            check_relations_annotated(documents, relations, soft_labels)
        annotated = any(
            document.relations is not None or has_soft_relations(document, soft_relations)
            for document in documents
        )
        if relations is not None and (self.training or annotated):
            spans, mask = gold[..., :2], gold[..., 0] != PADDING
            if self.training and self._relations.wrong_spans:
                labels = self._labels_of(scores.spans, scores.mask, gold, sentence_ids.size(1))
                spans, mask = self._relations.add_wrong_spans(spans, mask, scores, labels)
            if soft_relations is not None:
                spans, mask = add_soft_pairs(spans, mask, soft_relations)
            related = self.related_spans(scores, text, spans, mask)
            loss = self._relations.loss(related, sentence_ids, relations, documents, soft_relations)
            outputs["loss"] = outputs.get("loss", 0.0) + self._relations.loss_weight * loss
        if not self.training:
            pairs = self.score_pairs(outputs["entities"], scores, text, sentence_ids)
            least = self.decoding.min_relation_score
            outputs["relations"] = [self._relations.decoding.decode(each, least) for each in pairs]
            self._relations.count(outputs["entities"], outputs["relations"], documents)
        return outputs

    def predict(
        self, text: TextFieldTensors, sentence_ids: torch.Tensor, decoding: RuntimeDecoding
    ) -> List[Prediction]:
        """As for `SpanClassifier`, shapes included; with a part for relations, with these."""
        scores = self.score_spans(text, sentence_ids)
        found = self._predictions(scores, decoding)
        if self._relations is None:
            return found
        entities = [each.entities for each in found]
        pairs = self.score_pairs(entities, scores, text, sentence_ids)
        return self._relations.decoding.predict(found, pairs, decoding)

    def get_metrics(self, reset: bool = False) -> Dict[str, float]:
        """As for `SpanClassifier`, and with a part for relations those of `StrictRelationF1`."""
        metrics = super().get_metrics(reset)
        if self._relations is not None and not self.training:
            metrics.update(self._relations.report(reset))
        return metrics

    def score_pairs(
        self,
        entities: List[List[ScoredSpan]],
        scores: SpanScores,
        text: TextFieldTensors,
        sentence_ids: torch.Tensor,
    ) -> List[ScoredPairs]:
        """
        The pairs of each document's entities, of a model with a part for relations.

        # Parameters

        entities : `List[List[ScoredSpan]]`
            Of each document some spans, in order.
        scores : `SpanScores`
            What `score_spans` has given for the same documents.
        text, sentence_ids :
            As for `score_spans`.
        """
        assert self._relations is not None
        num_words = (sentence_ids != PADDING).sum(dim=1).tolist()
        places = top_scoring_entities(entities, num_words, self._relations.entities_per_word)
        surest = [[found[place] for place in kept] for found, kept in zip(entities, places)]
        spans, mask = places_of(surest, sentence_ids.device)
        related = self.related_spans(scores, text, spans, mask)
        return self._relations.score_pairs(related, places, sentence_ids)

    @abstractmethod
    def related_spans(
        self, scores: SpanScores, text: TextFieldTensors, spans: torch.Tensor, mask: torch.Tensor
    ) -> RelatedSpans:
        """
        What tells relations between spans.

        # Parameters

        scores : `SpanScores`
            What `score_spans` has given for the same documents.
        text : `TextFieldTensors`
        spans : `torch.LongTensor`
            Shape `(batch_size, num_spans, 2)`: first and last word.
        mask : `torch.BoolTensor`
            Shape `(batch_size, num_spans)`.
        """
