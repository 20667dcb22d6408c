from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import TextFieldTensors, Vocabulary
from allennlp.models import Model
from numpy.typing import NDArray
from typing_extensions import override

from sept_allennlp.modules.candidate_spans import label_spans
from sept_allennlp.modules.construction import labels_in
from sept_allennlp.modules.decoding import Decoding
from sept_allennlp.modules.score_calibration import ScoreCalibration
from sept_allennlp.training.losses import (
    check_annotated,
    check_not_given,
    has_soft_labels,
    mean_over_documents,
    mixed_targets,
    soft_targets,
    zero_loss,
)
from sept_allennlp.training.metrics import CalibrationError, StrictSpanF1
from sept_runtime.decoding import decode, soft_annotation
from sept_runtime.documents import Document, Prediction, ScoredSpan
from sept_runtime.options import Decoding as RuntimeDecoding


class SpanScores(NamedTuple):
    """
    The scores of the candidates of a batch of documents.

    # Parameters

    logits : `torch.FloatTensor`
        Shape `(number of candidates in the batch, 1 + num_labels)`; "no entity" comes first.
    spans : `torch.LongTensor`
        Shape `(batch_size, num_spans, 2)`: first and last word.
    mask : `torch.BoolTensor`
        Shape `(batch_size, num_spans)`: false for padding.
    labels : `torch.LongTensor`, optional
        Shape `(batch_size, num_spans)`: each candidate's class by the annotation, where that was
        given; anything for padding. `None` if the model leaves labeling to the base class.
    sequence : `torch.FloatTensor`, optional
        Shape `(batch_size, sequence_length, sequence_dim)`: the vectors that candidates are made
        of, from a model that uses them for more than candidates.
    """

    logits: torch.Tensor
    spans: torch.Tensor
    mask: torch.Tensor
    labels: Optional[torch.Tensor] = None
    sequence: Optional[torch.Tensor] = None


class SpanClassifier(Model):
    """
    Base class for models that score candidate spans for "no entity" and for each label.

    It holds the loss, the decoding and the metrics. A subclass scores the candidates in
    `score_spans`.

    # Parameters

    vocab : `Vocabulary`
    max_span_width : `int`
        In words. Wider entities are not found (and count as missed).
    max_spans_per_chunk : `int`, optional (default = `65536`)
        In evaluation, the maximum number of candidates to represent at once, which bounds the
        memory that a very long document takes.
    decoding : `Decoding`, optional (default = `Decoding()`)
        Which of the classified spans become entities. Its thresholds apply to scores before their
        calibration.
    label_namespace : `str`, optional (default = `"labels"`)

    # Raises

    `ConfigurationError` for a `max_span_width` below 1.
    """

    default_predictor = "sept"

    def __init__(
        self,
        vocab: Vocabulary,
        max_span_width: int,
        max_spans_per_chunk: int = 65536,
        decoding: Optional[Decoding] = None,
        label_namespace: str = "labels",
        **kwargs: Any,
    ) -> None:
        super().__init__(vocab, **kwargs)
        if max_span_width < 1:
            raise ConfigurationError(f"max_span_width must be at least 1, got {max_span_width}")
        self._max_span_width = max_span_width
        self._max_spans_per_chunk = max_spans_per_chunk
        self._decoding = decoding or Decoding()
        self.calibration = ScoreCalibration()
        self._labels = labels_in(vocab, label_namespace)
        self._metric = StrictSpanF1(self._labels)
        self._calibration_error = CalibrationError()

    @property
    def labels(self) -> List[str]:
        """Return the labels in the order of the scores that follow the one of "no entity"."""
        return self._labels

    @property
    def max_span_width(self) -> int:
        """Return the width of the widest candidates, in words."""
        return self._max_span_width

    @property
    def decoding(self) -> RuntimeDecoding:
        """Return the configured decoding, with thresholds for calibrated scores."""
        calibration = self.calibration.get()
        return self._decoding.changed(min_score=calibration.threshold(self._decoding.min_score))

    def score_spans(
        self,
        text: TextFieldTensors,
        sentence_ids: torch.Tensor,
        gold: Optional[torch.Tensor] = None,
        keep_all: Optional[torch.Tensor] = None,
    ) -> SpanScores:
        """
        Score the candidates that the model looks at.

        # Parameters

        text, sentence_ids, gold :
            As for `forward`. Without `gold` the candidates have no labels.
        keep_all : `torch.BoolTensor`, optional
            Shape `(batch_size,)`: in training, the documents whose candidates must all be
            scored, because they have soft labels.
        """
        raise NotImplementedError

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
        Classify the candidate spans of a batch.

        # Parameters

        text : `TextFieldTensors`
            The documents' words.
        sentence_ids : `torch.LongTensor`
            Shape `(batch_size, num_words)`: each word's sentence, `PADDING` beyond the document.
        gold : `torch.LongTensor`
            Shape `(batch_size, num_gold, 3)`: first word, last word, label; `PADDING` beyond the
            document's entities, and where it is not annotated.
        metadata : `List[Dict[str, Any]]`
            Each document's `Document` under "document".
        soft_labels : `torch.FloatTensor`, optional
            Shape `(batch_size, num_soft, 2 + num_labels)`: a teacher's probabilities for
            candidates, see `SoftSpansField`.
        relations, soft_relations : `torch.Tensor`, optional
            Only for subclasses that override this method.

        # Returns

        `loss`, a scalar, if any document is annotated: the negative log-likelihood summed over a
        document's candidates (those that `score_spans` returns), and averaged over the annotated
        documents. For a document with soft labels it is the cross-entropy with these, over all
        candidates; for one with both, the mean of the two.
        In evaluation also `entities`, per document a list of `ScoredSpan`.

        # Raises

        `ConfigurationError` if in training a document is not annotated, and for `relations`.
        """
        check_not_given(relations=relations)
        documents: List[Document] = [fields["document"] for fields in metadata]
        return self._classify(text, sentence_ids, gold, documents, soft_labels)[1]

    def _classify(
        self,
        text: TextFieldTensors,
        sentence_ids: torch.Tensor,
        gold: torch.Tensor,
        documents: List[Document],
        soft_labels: Optional[torch.Tensor],
    ) -> Tuple[SpanScores, Dict[str, Any]]:
        """Return the candidates' scores, and the outputs of `forward`."""
        is_annotated = [document.entities is not None for document in documents]
        is_soft = has_soft_labels(documents, soft_labels)
        # Only given if needed: a subclass that scores all candidates needs no such parameter.
        keep_all = {}
        if self.training:
            check_annotated(documents, soft_labels)
            if any(is_soft):
                keep_all = {"keep_all": torch.tensor(is_soft, device=gold.device)}
        scores = self.score_spans(text, sentence_ids, gold, **keep_all)
        outputs: Dict[str, Any] = {}
        learnable = [annotated or soft for annotated, soft in zip(is_annotated, is_soft)]
        if any(learnable):
            targets = scores.labels
            if targets is None:
                targets = self.label_spans(scores.spans, scores.mask, gold, sentence_ids.size(1))
            if soft_labels is not None and any(is_soft):
                soft = soft_targets(
                    scores.spans,
                    scores.mask,
                    soft_labels,
                    sentence_ids.size(1),
                    self._max_span_width,
                )
                targets = mixed_targets(targets, soft, is_annotated, is_soft)
            outputs["loss"] = self._loss(scores, targets, documents, learnable)
        if not self.training:
            outputs["entities"] = self.find_entities(scores, self.decoding)
            self._metric.count(outputs["entities"], documents)
            self._calibration_error.count_entities(outputs["entities"], documents)
        return scores, outputs

    def _loss(
        self,
        scores: SpanScores,
        targets: torch.Tensor,
        documents: List[Document],
        learnable: List[bool],
    ) -> torch.Tensor:
        """
        Return the loss that `forward` describes.

        # Parameters

        scores : `SpanScores`
        targets : `torch.Tensor`
            The candidates' classes, of shape `(batch_size, num_spans)`, or distributions over
            these, of shape `(batch_size, num_spans, 1 + num_labels)`.
        documents : `List[Document]`
        learnable : `List[bool]`
            Whether the document has gold labels or soft labels.
        """
        if not len(scores.logits):
            return zero_loss(self)
        losses = torch.nn.functional.cross_entropy(
            scores.logits.float(), targets[scores.mask], reduction="none"
        )
        return mean_over_documents(losses, scores.mask, learnable, documents)

    def predict(
        self, text: TextFieldTensors, sentence_ids: torch.Tensor, decoding: RuntimeDecoding
    ) -> List[Prediction]:
        """
        Predict each document, without a loss or a metric, and without changing the model.

        # Parameters

        text, sentence_ids :
            As for `forward`.
        decoding : `RuntimeDecoding`
            Its thresholds apply to calibrated scores.
        """
        return self._predictions(self.score_spans(text, sentence_ids), decoding)

    def _predictions(self, scores: SpanScores, decoding: RuntimeDecoding) -> List[Prediction]:
        predictions = map(Prediction, self.find_entities(scores, decoding))
        if decoding.soft_labels is None:
            return list(predictions)
        return [
            prediction._replace(
                soft=soft_annotation(*candidates, self._labels, decoding.soft_labels)
            )
            for prediction, candidates in zip(predictions, probabilities_by_document(scores))
        ]

    def find_entities(
        self, scores: SpanScores, decoding: RuntimeDecoding
    ) -> List[List[ScoredSpan]]:
        """Return each document's entities by the scores of its candidates."""
        calibration = self.calibration.get()
        return [
            decode(probabilities, spans, self._labels, decoding, calibration)
            for probabilities, spans in probabilities_by_document(scores)
        ]

    def label_spans(
        self, spans: torch.Tensor, mask: torch.Tensor, gold: torch.Tensor, num_words: int
    ) -> torch.Tensor:
        """Return each candidate's class: shape `(batch_size, num_spans)`, see `label_spans`."""
        return label_spans(spans, mask, gold, num_words, self._max_span_width)

    @override
    def get_metrics(self, reset: bool = False) -> Dict[str, float]:
        """
        Return `precision`, `recall` and `f1` of the evaluation so far.

        With `reset`, at the end of an evaluation, also those of each label, `calibration_error` and
        `brier_score`. Nothing in training, where nothing is decoded.
        """
        if self.training:
            return {}
        metrics = self._metric.report(reset)
        if reset:
            metrics.update(self._calibration_error.get_metric(reset))
        return metrics


def probabilities_by_document(scores: SpanScores) -> Iterator[Tuple[NDArray[Any], NDArray[Any]]]:
    """
    Iterate over the documents' class probabilities and candidates, as `decode` takes them.

    Their shapes are `(num_spans, 1 + num_labels)` and `(num_spans, 2)`.
    """
    counts = scores.mask.sum(dim=1).tolist()
    probabilities = scores.logits.detach().float().softmax(dim=-1).cpu()
    spans = scores.spans[scores.mask].cpu()
    for of_document, candidates in zip(probabilities.split(counts), spans.split(counts)):
        yield of_document.numpy(), candidates.numpy()
