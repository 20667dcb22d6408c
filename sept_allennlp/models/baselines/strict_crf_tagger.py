from dataclasses import asdict
from typing import Any, Dict, List, Optional

import torch
from allennlp.common import Lazy
from allennlp.common.checks import ConfigurationError
from allennlp.data import TextFieldTensors, Vocabulary
from allennlp.models import Model
from allennlp.modules import FeedForward, Seq2SeqEncoder, TextFieldEmbedder
from allennlp.nn import InitializerApplicator
from allennlp.training.metrics import CategoricalAccuracy
from allennlp_models.tagging.models import CrfTagger

from sept_allennlp.models.baselines.bio import (
    OUTSIDE,
    by_document,
    tag_gold,
    tag_names,
    tagged_spans,
)
from sept_allennlp.models.baselines.crf import entity_probabilities, within_sentences
from sept_allennlp.models.baselines.tag_decoding import TagDecoding
from sept_allennlp.modules.candidate_spans import PADDING
from sept_allennlp.modules.construction import construct_with_input_dim, labels_in
from sept_allennlp.modules.decoding import Decoding
from sept_allennlp.training.losses import check_annotated, check_not_given, zero_loss
from sept_allennlp.training.metrics import StrictSpanF1
from sept_runtime.decoding import entities_of
from sept_runtime.documents import Document, Prediction, ScoredSpan
from sept_runtime.options import Decoding as RuntimeDecoding


@Model.register("strict_crf_tagger")
class StrictCrfTagger(CrfTagger):
    """
    AllenNLP's `CrfTagger` for documents: the BiLSTM-CRF that SEPT is compared with (Table 1).

    It reads the same instances as the other models, finds entities by BIO tags, and has the same
    metrics. A document is one sequence of words. Tags are decoded with AllenNLP's constraints for
    BIO and one more: no entity continues from one sentence into the next.

    Tags cannot express entities that share a word. Of such gold entities the widest is learned
    (see `tag_gold`); all of them count in `precision`, `recall` and `f1`.

    The score of an entity is its probability in the CRF, summed over all valid tag sequences in
    which exactly its words are an entity with its label. The entities are those of the most
    probable sequence, so that any score above 0 can occur.

    Registered as a `Model` with name "strict_crf_tagger".

    # Parameters

    vocab : `Vocabulary`
    text_field_embedder : `TextFieldEmbedder`
        Embeds words.
    encoder : `Lazy[Seq2SeqEncoder]`
        Its `input_size` follows from the embedder and may be left out.
    feedforward : `Lazy[FeedForward]`, optional (default = `None`)
        Between the encoder and the CRF. Its `input_dim` follows from the encoder and may be left
        out.
    dropout : `float`, optional (default = `None`)
        On the embeddings and on the encoder's output.
    decoding : `Decoding`, optional
        `min_score` and `top_labels`; `flat` is always true here.
    label_namespace : `str`, optional (default = `"labels"`)
    tag_namespace : `str`, optional (default = `"bio_tags"`)
        The namespace for the tags, which are made from the labels. Its name must end in "tags" or
        "labels", because AllenNLP does not pad such namespaces.
    initializer : `InitializerApplicator`, optional
    kwargs :
        Parameters of `CrfTagger`: `include_start_end_transitions`, `label_weights`,
        `weight_strategy`.

    # Raises

    `ConfigurationError` for a `tag_namespace` that is padded or holds other tags, and for those
    parameters of `CrfTagger` that would have no effect.
    """

    default_predictor = "sept"

    def __init__(
        self,
        vocab: Vocabulary,
        text_field_embedder: TextFieldEmbedder,
        encoder: Lazy[Seq2SeqEncoder],
        feedforward: Optional[Lazy[FeedForward]] = None,
        dropout: Optional[float] = None,
        decoding: Optional[Decoding] = None,
        label_namespace: str = "labels",
        tag_namespace: str = "bio_tags",
        initializer: Optional[InitializerApplicator] = None,
        **kwargs: Any,
    ) -> None:
        without_effect = kwargs.keys() & {"top_k", "ignore_loss_on_o_tags", "verbose_metrics"}
        if without_effect:
            names = ", ".join(sorted(without_effect))
            raise ConfigurationError(f"'strict_crf_tagger' does not use {names}: leave it out")
        labels = labels_in(vocab, label_namespace)
        _add_tags(vocab, labels, tag_namespace)
        built_encoder = construct_with_input_dim(encoder, text_field_embedder.get_output_dim())
        built_feedforward = feedforward and construct_with_input_dim(
            feedforward, built_encoder.get_output_dim()
        )
        super().__init__(
            vocab,
            text_field_embedder,
            built_encoder,
            label_namespace=tag_namespace,
            feedforward=built_feedforward,
            label_encoding="BIO",
            constrain_crf_decoding=True,
            # AllenNLP's metric of spans does not work in distributed training; ours does.
            calculate_span_f1=False,
            dropout=dropout,
            initializer=initializer or InitializerApplicator(),
            **kwargs,
        )
        self.decoding = TagDecoding(**{**asdict(decoding or Decoding()), "flat": True})
        self._labels = labels
        self._metric = StrictSpanF1(labels)
        self._bio_metric = StrictSpanF1(labels)
        self.metrics = {"accuracy": CategoricalAccuracy()}

    def forward(
        self,
        text: TextFieldTensors,
        sentence_ids: torch.Tensor,
        gold: torch.Tensor,
        metadata: List[Dict[str, Any]],
        relations: Optional[torch.Tensor] = None,
        soft_labels: Optional[torch.Tensor] = None,
        soft_relations: Optional[torch.Tensor] = None,
    ) -> Dict[str, Any]:
        """
        Tag the words of a batch of documents.

        # Parameters

        As for `SpanClassifier`, shapes included; `relations` and soft labels must not be given.

        # Returns

        `loss`, a scalar: the negative log-likelihood of a document's tags, averaged over the
        annotated documents, if there are any. (`CrfTagger` sums over them, so that clipping
        gradients would depend on the batch size.) In evaluation also `tags`, per document a list
        with each word's tag, and `entities`, per document a list of `ScoredSpan`.

        # Raises

        `ConfigurationError` if in training a document is not annotated, and for relations or soft
        labels.
        """
        check_not_given(relations, soft_labels)
        documents: List[Document] = [fields["document"] for fields in metadata]
        if self.training:
            check_annotated(documents)
        annotated = torch.tensor(
            [document.entities is not None for document in documents], device=gold.device
        )
        # Shape (both): (batch_size, num_words)
        mask = sentence_ids != PADDING
        gold_tags = tag_gold(gold, mask.size(1))
        # Shape: (batch_size, num_words, num_tags)
        logits = self._emissions(text, mask)
        outputs: Dict[str, Any] = {}
        if annotated.any():
            outputs["loss"] = self._loss(logits, gold_tags, mask, annotated)
        if not self.training:
            constrained = within_sentences(logits, sentence_ids)
            tags = self._best_tags(constrained, mask)
            lengths = mask.sum(dim=1).tolist()
            outputs["tags"] = [row[:length] for row, length in zip(tags.tolist(), lengths)]
            outputs["entities"] = self._entities(constrained, tags, mask, self.decoding)
            self._count(outputs["entities"], tags, gold_tags, mask, annotated, documents)
        return outputs

    def predict(
        self, text: TextFieldTensors, sentence_ids: torch.Tensor, decoding: RuntimeDecoding
    ) -> List[Prediction]:
        """
        Predict each document, see `SpanClassifier`.

        `sentence_ids` has shape `(batch_size, num_words)`.
        """
        mask = sentence_ids != PADDING
        logits = within_sentences(self._emissions(text, mask), sentence_ids)
        entities = self._entities(logits, self._best_tags(logits, mask), mask, decoding)
        return list(map(Prediction, entities))

    def _emissions(self, text: TextFieldTensors, mask: torch.Tensor) -> torch.Tensor:
        """
        Return the scores of each word's tags, without transitions.

        They have shape `(batch_size, num_words, num_tags)`, and `mask` has shape `(batch_size,
        num_words)`.
        """
        if not mask.size(1):
            return torch.zeros(*mask.size(), self.num_tags, device=mask.device)
        dropout = self.dropout or torch.nn.Identity()
        encoded = dropout(self.encoder(dropout(self.text_field_embedder(text)), mask))
        if self._feedforward is not None:
            encoded = self._feedforward(encoded)
        return self.tag_projection_layer(encoded).float()

    def _loss(
        self,
        logits: torch.Tensor,
        gold_tags: torch.Tensor,
        mask: torch.Tensor,
        annotated: torch.Tensor,
    ) -> torch.Tensor:
        """
        Return the loss that `forward` describes.

        `logits` has shape `(batch_size, num_words, num_tags)`,
        `gold_tags` and `mask` have `(batch_size, num_words)`, `annotated` has `(batch_size,)`.
        """
        # AllenNLP's CRF fails for documents without words.
        rows = annotated & mask.any(dim=1)
        if not rows.any():
            return zero_loss(self)
        return -self.crf(logits[rows], gold_tags[rows], mask[rows]) / rows.sum()

    def _best_tags(self, logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """
        Return the most probable valid tags, of shape `(batch_size, num_words)`, on the CPU.

        `logits` are from `within_sentences`, with shape `(batch_size, num_words, num_tags)`.
        """
        tags = torch.full(mask.size(), OUTSIDE)
        rows = mask.any(dim=1)
        if rows.any():
            paths = self.crf.viterbi_tags(logits[rows], mask[rows])
            for row, (path, _) in zip(rows.nonzero().squeeze(-1).tolist(), paths):
                tags[row, : len(path)] = torch.tensor(path)
        return tags

    def _entities(
        self,
        logits: torch.Tensor,
        tags: torch.Tensor,
        mask: torch.Tensor,
        decoding: RuntimeDecoding,
    ) -> List[List[ScoredSpan]]:
        """
        Return each document's tagged entities with their probabilities.

        `logits`, `mask` and `tags` are the parameters and the result of `_best_tags`.
        """
        # Shape: (num_entities, 4)
        spans = tagged_spans(tags)
        counts = spans[:, 0].bincount(minlength=len(tags)).tolist()
        probabilities = entity_probabilities(self.crf, logits, mask, spans[:, :3])
        return [
            entities_of(
                found[:, 1:3].numpy(), found[:, 3].numpy(), scores.numpy(), self._labels, decoding
            )
            for found, scores in zip(spans.split(counts), probabilities.split(counts))
        ]

    def _count(
        self,
        entities: List[List[ScoredSpan]],
        tags: torch.Tensor,
        gold_tags: torch.Tensor,
        mask: torch.Tensor,
        annotated: torch.Tensor,
        documents: List[Document],
    ) -> None:
        """
        Count the entities for the metrics.

        `tags`, `gold_tags` and `mask` have shape
        `(batch_size, num_words)`, `annotated` has shape `(batch_size,)`.
        """
        counted = mask & annotated.unsqueeze(1)
        # For every batch: in distributed training each call adds up the counts of all processes.
        one_hot = torch.nn.functional.one_hot(tags.to(gold_tags.device), self.num_tags).float()
        self.metrics["accuracy"](one_hot, gold_tags, counted)  # type: ignore[arg-type]
        self._metric.count(entities, documents)
        expressible = by_document(tagged_spans(gold_tags), self._labels, len(documents))
        for found, gold, document in zip(entities, expressible, documents):
            if document.entities is not None:
                self._bio_metric([[entity[:3] for entity in found]], [gold])

    def get_metrics(self, reset: bool = False) -> Dict[str, float]:
        """
        Return `precision`, `recall` and `f1`, with `reset` also those of each label.

        Beside them there are AllenNLP's metrics of taggers: the `accuracy` of tags, and
        `precision-overall`, `recall-overall` and `f1-measure-overall` of those entities that tags
        can express. Nothing in training, where nothing is decoded.
        """
        if self.training:
            return {}
        bio = self._bio_metric.get_metric(reset)
        return {
            **super().get_metrics(reset),
            "precision-overall": bio["precision"],
            "recall-overall": bio["recall"],
            "f1-measure-overall": bio["f1"],
            **self._metric.report(reset),
        }


def _add_tags(vocab: Vocabulary, labels: List[str], namespace: str) -> None:
    """Fill a namespace of the vocabulary with the labels' tags."""
    vocab.add_tokens_to_namespace(tag_names(labels), namespace)
    tags = list(vocab.get_index_to_token_vocabulary(namespace).values())
    if tags != tag_names(labels):
        raise ConfigurationError(
            f"the vocabulary's namespace {namespace!r} must hold the tags of the labels "
            f"{', '.join(labels)} and nothing else, but holds {', '.join(tags)}"
        )
