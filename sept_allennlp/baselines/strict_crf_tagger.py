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

from sept_allennlp.baselines.bio import (
    OUTSIDE,
    by_document,
    span_log_probabilities,
    tag_gold,
    tag_names,
    tagged_spans,
)
from sept_allennlp.metrics import StrictSpanF1
from sept_allennlp.models.span_classifier import check_annotated, zero_loss
from sept_allennlp.modules.candidate_spans import PADDING
from sept_allennlp.modules.construction import construct_with_input_dim
from sept_allennlp.modules.decoding import Decoding
from sept_runtime.decoding import Decoding as RuntimeDecoding
from sept_runtime.decoding import entities_of
from sept_runtime.documents import Document, Prediction, ScoredSpan

# AllenNLP's score of what is not allowed.
_IMPOSSIBLE = -10000.0


class TagDecoding(Decoding):
    """
    `Decoding` for tags, by which entities never overlap.

    # Raises

    `ConfigurationError` if `flat` is false, or for `soft_labels`.
    """

    def __init__(
        self,
        flat: bool = True,
        min_score: float = 0.0,
        top_labels: int = 0,
        soft_labels: Optional[float] = None,
    ) -> None:
        if not flat:
            raise ConfigurationError(
                "this model tags words, its entities never overlap: leave out 'flat', or make it "
                "true"
            )
        if soft_labels is not None:
            raise ConfigurationError(
                "this model tags words, and has no probabilities of candidate spans: soft labels "
                "come from a model of spans, such as 'sept'"
            )
        super().__init__(flat, min_score, top_labels)


@Model.register("strict_crf_tagger")
class StrictCrfTagger(CrfTagger):
    """
    AllenNLP's `CrfTagger` for documents: the BiLSTM-CRF that SEPT is compared with (paper, Table
    1). It takes what the other models take, finds entities by BIO tags, and is scored as they are.

    A document is one sequence of words. Tags are decoded under AllenNLP's constraints for BIO and
    one more: no entity goes on from one sentence into the next.

    Tags cannot express entities that share a word. Of gold entities that do, the widest is learnt
    (see `tag_gold`); all of them count in `precision`, `recall` and `f1`.

    The score of an entity is its probability in the CRF, summed over all valid tag sequences in
    which exactly its words make up an entity of its label. Decoding takes the entities of the one
    most probable sequence, so that any score above 0 can occur.

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
        Filled here, from the labels. Its name has to end in "tags" or "labels": those are the
        namespaces that AllenNLP does not pad.
    initializer : `InitializerApplicator`, optional
    kwargs :
        Of `CrfTagger`: `include_start_end_transitions`, `label_weights`, `weight_strategy`.

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
            raise ConfigurationError(
                f"'strict_crf_tagger' makes no use of {', '.join(sorted(without_effect))}"
            )
        label_of = vocab.get_index_to_token_vocabulary(label_namespace)
        labels = [label_of[i] for i in range(len(label_of))]
        vocab.add_tokens_to_namespace(tag_names(labels), tag_namespace)
        tags = vocab.get_index_to_token_vocabulary(tag_namespace)
        if list(tags.values()) != tag_names(labels):
            raise ConfigurationError(
                f"the vocabulary's namespace {tag_namespace!r} must hold the tags of the labels in "
                f"{label_namespace!r} and nothing else, but holds {', '.join(tags.values())}"
            )
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
        decoding = decoding or Decoding()
        self.decoding = TagDecoding(True, decoding.min_score, decoding.top_labels)
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
    ) -> Dict[str, Any]:
        """
        # Parameters

        As for `SpanClassifier`.

        # Returns

        `loss`, a scalar: the negative log-likelihood of a document's tags, mean over the annotated
        documents (`CrfTagger` sums over them, so that clipping gradients would depend on the size
        of the batch); there if any is annotated. In evaluation also `tags`, per document a list
        with each word's tag, and `entities`, per document a list of `ScoredSpan`.

        # Raises

        `ConfigurationError` if in training a document is not annotated.
        """
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
            tags = self._best_tags(logits, sentence_ids, mask)
            lengths = mask.sum(dim=1).tolist()
            outputs["tags"] = [row[:length] for row, length in zip(tags.tolist(), lengths)]
            outputs["entities"] = self._entities(logits, tags, sentence_ids, mask, self.decoding)
            self._count(outputs["entities"], tags, gold_tags, mask, annotated, documents)
        return outputs

    def predict(
        self, text: TextFieldTensors, sentence_ids: torch.Tensor, decoding: RuntimeDecoding
    ) -> List[Prediction]:
        """As for `SpanClassifier`."""
        mask = sentence_ids != PADDING
        logits = self._emissions(text, mask)
        tags = self._best_tags(logits, sentence_ids, mask)
        return list(map(Prediction, self._entities(logits, tags, sentence_ids, mask, decoding)))

    def _emissions(self, text: TextFieldTensors, mask: torch.Tensor) -> torch.Tensor:
        """The scores of each word's tags, before any transition."""
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
        # AllenNLP's CRF takes no document without words.
        rows = annotated & mask.any(dim=1)
        if not rows.any():
            return zero_loss(self)
        return -self.crf(logits[rows], gold_tags[rows], mask[rows]) / rows.sum()

    def _constrained(self, logits: torch.Tensor, sentence_ids: torch.Tensor) -> torch.Tensor:
        """The logits without those of tags that would go on from one sentence into the next."""
        first_words = sentence_ids != sentence_ids.roll(1, dims=1)
        impossible = torch.zeros(self.num_tags, dtype=torch.bool, device=logits.device)
        # Every other one, from the first that goes on.
        impossible[2::2] = True
        return logits.masked_fill(first_words.unsqueeze(-1) & impossible, _IMPOSSIBLE)

    def _best_tags(
        self, logits: torch.Tensor, sentence_ids: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """The most probable valid tags, of shape `(batch_size, num_words)`, on the CPU."""
        tags = torch.full(mask.size(), OUTSIDE)
        rows = mask.any(dim=1)
        if rows.any():
            paths = self.crf.viterbi_tags(self._constrained(logits, sentence_ids)[rows], mask[rows])
            for row, (path, _) in zip(rows.nonzero().squeeze(-1).tolist(), paths):
                tags[row, : len(path)] = torch.tensor(path)
        return tags

    def _entities(
        self,
        logits: torch.Tensor,
        tags: torch.Tensor,
        sentence_ids: torch.Tensor,
        mask: torch.Tensor,
        decoding: RuntimeDecoding,
    ) -> List[List[ScoredSpan]]:
        """Each document's tagged entities with their probabilities."""
        # Shape: (num_entities, 4)
        spans = tagged_spans(tags)
        counts = spans[:, 0].bincount(minlength=len(tags)).tolist()
        probabilities = self._probabilities(logits, sentence_ids, mask, spans)
        return [
            entities_of(
                found[:, 1:3].numpy(), found[:, 3].numpy(), scores.numpy(), self._labels, decoding
            )
            for found, scores in zip(spans.split(counts), probabilities.split(counts))
        ]

    def _probabilities(
        self,
        logits: torch.Tensor,
        sentence_ids: torch.Tensor,
        mask: torch.Tensor,
        spans: torch.Tensor,
    ) -> torch.Tensor:
        """
        For each span and label the probability of that entity, of shape `(num_entities,
        num_labels)`, among the sequences that decoding chooses from.
        """
        if not len(spans):
            return torch.zeros(0, len(self._labels))
        # In double precision, because the scores of a long document's words add up; on the CPU,
        # because it is a loop of small steps.
        start, end = self.num_tags, self.num_tags + 1
        allowed = self.crf._constraint_mask.cpu().bool()

        def scores(parameter: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
            return parameter.detach().cpu().double().masked_fill(~allowed, _IMPOSSIBLE)

        boundaries = self.crf.include_start_end_transitions
        nothing = torch.zeros(self.num_tags)
        # Only documents in which there is an entity, whose places change by that.
        rows, places = spans[:, 0].unique(return_inverse=True)
        constrained = self._constrained(logits, sentence_ids).detach().cpu().double()
        return span_log_probabilities(
            constrained[rows],
            mask.cpu()[rows],
            scores(self.crf.transitions, allowed[:start, :start]),
            scores(self.crf.start_transitions if boundaries else nothing, allowed[start, :start]),
            scores(self.crf.end_transitions if boundaries else nothing, allowed[:start, end]),
            torch.cat([places.unsqueeze(1), spans[:, 1:3]], dim=1),
        ).exp()

    def _count(
        self,
        entities: List[List[ScoredSpan]],
        tags: torch.Tensor,
        gold_tags: torch.Tensor,
        mask: torch.Tensor,
        annotated: torch.Tensor,
        documents: List[Document],
    ) -> None:
        counted = mask & annotated.unsqueeze(1)
        # Whatever the batch: processes add up what they have counted here, call by call.
        one_hot = torch.nn.functional.one_hot(tags.to(gold_tags.device), self.num_tags).float()
        self.metrics["accuracy"](one_hot, gold_tags, counted)  # type: ignore[arg-type]
        self._metric.count(entities, documents)
        expressible = by_document(tagged_spans(gold_tags), self._labels, len(documents))
        for found, gold, document in zip(entities, expressible, documents):
            if document.entities is not None:
                self._bio_metric([[entity[:3] for entity in found]], [gold])

    def get_metrics(self, reset: bool = False) -> Dict[str, float]:
        """
        `precision`, `recall` and `f1` against the whole annotation; when they are reset, at the end
        of an evaluation, per label too. Beside them AllenNLP's own for taggers: the `accuracy` of
        tags, and `precision-overall`, `recall-overall` and `f1-measure-overall` against those
        entities alone that tags can express. Nothing while training, where nothing is decoded.
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
