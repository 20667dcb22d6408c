import math
from typing import Any, Dict, Iterable, List, Optional, Union

import torch
from allennlp.common import Lazy
from allennlp.common.checks import ConfigurationError
from allennlp.data import TensorDict, TextFieldTensors, Vocabulary
from allennlp.models import Model
from allennlp.modules import TextFieldEmbedder
from allennlp.nn import InitializerApplicator
from allennlp.nn.util import get_text_field_mask, move_to_device

from sept_allennlp.modules.candidate_spans import (
    enumerate_spans,
    label_spans,
    piece_mask,
    piece_offsets,
    word_to_piece_spans,
)
from sept_allennlp.modules.span_filters.scorers import SpanScorer
from sept_allennlp.modules.token_embedders import yields_pieces
from sept_allennlp.training.losses import check_annotated, check_not_given, zero_loss
from sept_allennlp.training.metrics.filter_curve import FilterCurve, log_odds
from sept_runtime.decoding import NO_ENTITY
from sept_runtime.documents import Document

# A probability, or the recall to reach, such as {"recall": 0.99}.
Threshold = Union[float, Dict[str, float]]
DEFAULT_THRESHOLD: Threshold = {"recall": 0.99}

# Thresholds are kept for recalls of 0, 1/1000, ..., 1.
_RECALL_STEPS = 1000

# A score depends a little on the rest of the batch; the one that defines a threshold must pass it.
_ROUNDING = 1e-4


@Model.register("span_filter")
class SpanFilterModel(Model):
    """
    A span filter: the probability that a candidate span is an entity, of any label.

    It is trained beforehand, and used by SEPT (`span_filter: {"type": "pretrained", ...}`) to
    classify only likely candidates (paper, sections 3.5 and 4.4).

    Registered as a `Model` with name "span_filter".

    # Parameters

    vocab : `Vocabulary`
    text_field_embedder : `TextFieldEmbedder`
        Embeds word pieces (or words, but SEPT takes only filters over word pieces).
    scorer : `Lazy[SpanScorer]`
        Its `input_dim` and `max_span_width` follow from the other parameters.
    max_span_width : `int`, optional (default = `12`)
        In words; the same as SEPT's.
    threshold : `Union[float, Dict[str, float]]`, optional (default = `{"recall": 0.99}`)
        A probability: candidates below it are removed. Or the recall to reach on the validation
        data, as `{"recall": 0.99}`: then the trainer callback `calibrate_threshold` finds the
        probability when training ends.
    embedding_dropout : `float`, optional (default = `0.0`)
    initializer : `InitializerApplicator`, optional

    # Raises

    `ConfigurationError` for a threshold outside [0, 1] and a `max_span_width` below 1.
    """

    recall_logits: torch.Tensor
    metric: FilterCurve

    def __init__(
        self,
        vocab: Vocabulary,
        text_field_embedder: TextFieldEmbedder,
        scorer: Lazy[SpanScorer],
        max_span_width: int = 12,
        threshold: Threshold = DEFAULT_THRESHOLD,
        embedding_dropout: float = 0.0,
        initializer: Optional[InitializerApplicator] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(vocab, **kwargs)
        if max_span_width < 1:
            raise ConfigurationError(f"max_span_width must be at least 1, got {max_span_width}")
        self.embedder = text_field_embedder
        self._over_pieces = yields_pieces(text_field_embedder)
        self.max_span_width = max_span_width
        self._embedding_dropout = torch.nn.Dropout(embedding_dropout)
        self._scorer = scorer.construct(
            input_dim=text_field_embedder.get_output_dim(), max_span_width=max_span_width
        )
        self.set_threshold(threshold)
        # At each index the score that this many thousandths of the validation data's gold entities
        # reach; NaN until training has ended.
        self.register_buffer(
            "recall_logits", torch.full((_RECALL_STEPS + 1,), math.nan, dtype=torch.float)
        )
        self.metric = FilterCurve()
        if initializer is not None:
            initializer(self)

    def set_threshold(self, threshold: Threshold) -> None:
        """
        Set the threshold.

        # Raises

        `ConfigurationError` if the threshold is neither a number between 0 and 1 nor a recall.
        """
        given = threshold
        self._wanted_recall: Optional[float] = None
        if isinstance(threshold, dict):
            if threshold.keys() != {"recall"}:
                raise ConfigurationError(
                    f'threshold must be a probability or {{"recall": ...}}, got {given}'
                )
            threshold = self._wanted_recall = threshold["recall"]
        if not 0.0 <= threshold <= 1.0:
            raise ConfigurationError(f"threshold must be between 0 and 1, got {given}")
        self._threshold = threshold

    def threshold_logit(self) -> float:
        """
        Return the log-odds of the threshold.

        # Raises

        `ConfigurationError` if the threshold is a recall, and the filter's training has not ended.
        """
        if self._wanted_recall is None:
            return log_odds(self._threshold)
        step = math.ceil(round(self._wanted_recall * _RECALL_STEPS, 6))
        logit = float(self.recall_logits[step])
        if math.isnan(logit):
            raise ConfigurationError(
                "The threshold is a recall, and its probability is unknown: the trainer callback "
                "'calibrate_threshold' finds it when the filter's training ends. Give a number, or "
                "train the filter to its end."
            )
        return logit

    def count(self, batches: Iterable[TensorDict], device: torch.device) -> None:
        """Score the candidates of some batches, from a data loader, for `metric` alone."""
        self.eval()
        self.metric.reset()
        with torch.no_grad():
            for batch in batches:
                self(**move_to_device(batch, device))

    def forget_thresholds(self) -> None:
        """Reset the thresholds to unknown."""
        self.recall_logits.fill_(math.nan)

    def calibrate_threshold(self, curve: FilterCurve) -> None:
        """Keep the score that each recall takes, by a curve of counted candidates."""
        recalls = [step / _RECALL_STEPS for step in range(_RECALL_STEPS + 1)]
        scores = torch.tensor(curve.scores_for_recalls(recalls))
        self.recall_logits.copy_(scores - _ROUNDING)

    def score(
        self, text: TextFieldTensors, spans: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """
        Score candidates.

        # Parameters

        text : `TextFieldTensors`
        spans : `torch.LongTensor`
            Shape `(batch_size, num_spans, 2)`: first and last word; anything where `mask` is false.
        mask : `torch.BoolTensor`
            Shape `(batch_size, num_spans)`.

        # Returns

        `torch.FloatTensor` of shape `(batch_size, num_spans)`: the log-odds that the span is an
        entity; anything where `mask` is false.
        """
        # Shape: (batch_size, sequence_length, dim)
        embedded = self._embedding_dropout(self.embedder(text))
        widths = spans[..., 1] - spans[..., 0] + 1
        if self._over_pieces:
            embedded_mask = piece_mask(text)
            spans = word_to_piece_spans(spans, mask, piece_offsets(text))
        else:
            embedded_mask = get_text_field_mask(text)
        return self._scorer(embedded, embedded_mask, spans, widths, mask)

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
        Score the candidates of a batch.

        # Parameters

        As for `SpanClassifier`, shapes included; `relations` and soft labels must not be given.

        # Returns

        `loss`, a scalar, if any document is annotated: the binary cross-entropy, mean over
        the candidates of the annotated documents. In evaluation also `probabilities`, per document
        a tensor of shape `(number of candidates,)`, ordered as `enumerate_spans` does.

        # Raises

        `ConfigurationError` if in training a document is not annotated, and for relations or soft
        labels.
        """
        check_not_given(relations, soft_labels)
        documents: List[Document] = [fields["document"] for fields in metadata]
        if self.training:
            check_annotated(documents)
        # Shape: (batch_size, num_spans, 2) and (batch_size, num_spans)
        spans, mask = enumerate_spans(sentence_ids, self.max_span_width)
        # Shape: (batch_size, num_spans)
        logits = self.score(text, spans, mask).float()
        outputs: Dict[str, Any] = {}
        annotated = torch.tensor(
            [document.entities is not None for document in documents], device=mask.device
        )
        if annotated.any():
            # Shape: (batch_size, num_spans)
            labels = label_spans(spans, mask, gold, sentence_ids.size(1), self.max_span_width)
            counted = mask & annotated.unsqueeze(1)
            positive = labels[counted] != NO_ENTITY
            losses = torch.nn.functional.binary_cross_entropy_with_logits(
                logits[counted], positive.to(logits.dtype), reduction="sum"
            )
            outputs["loss"] = losses / counted.sum() if counted.any() else zero_loss(self)
            if not self.training:
                num_gold = sum(
                    len({entity[:2] for entity in document.entities or []})
                    for document in documents
                )
                self.metric(logits[counted], positive, num_gold)
        if not self.training:
            counts = mask.sum(dim=1).tolist()
            outputs["probabilities"] = list(logits.sigmoid()[mask].cpu().split(counts))
        return outputs

    def get_metrics(self, reset: bool = False) -> Dict[str, float]:
        """
        Return `recall`, `filtration_rate` and `filtration_rate_at_99_recall`, see `FilterCurve`.

        The first two are at the configured threshold. If that is a recall whose threshold is still
        unknown, they are at the threshold that gives the recall on this data. Nothing is returned
        in training, and before the end of an evaluation, where `reset` is true.
        """
        # Without a reset AllenNLP asks after every batch, which is slow: all scores are sorted.
        if self.training or not reset:
            return {}
        if self._wanted_recall is not None and self.recall_logits.isnan().any():
            (logit,) = self.metric.scores_for_recalls([self._wanted_recall])
        else:
            logit = self.threshold_logit()
        return self.metric.get_metric(reset, logit)
