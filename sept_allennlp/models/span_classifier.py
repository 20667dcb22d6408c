from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import TextFieldTensors, Vocabulary
from allennlp.models import Model
from numpy.typing import NDArray

from sept_allennlp.modules.candidate_spans import label_spans
from sept_allennlp.modules.construction import labels_in
from sept_allennlp.modules.decoding import Decoding
from sept_allennlp.modules.renamed_keys import RenamedKeys
from sept_allennlp.modules.soft_targets import mixed_targets, soft_targets
from sept_allennlp.modules.span_scoring import score_in_chunks
from sept_allennlp.training.losses import (
    are_taught,
    check_annotated,
    check_not_given,
    mean_over_documents,
    zero_loss,
)
from sept_allennlp.training.metrics import StrictSpanF1
from sept_runtime.decoding import decode, soft_annotation
from sept_runtime.documents import Document, Prediction, ScoredSpan
from sept_runtime.options import Decoding as RuntimeDecoding


class SpanScores(NamedTuple):
    """
    What a model says of the candidates of a batch of documents.

    # Parameters

    logits : `torch.FloatTensor`
        Shape `(number of candidates in the batch, 1 + num_labels)`; "no entity" comes first.
    spans : `torch.LongTensor`
        Shape `(batch_size, num_spans, 2)`: first and last word.
    mask : `torch.BoolTensor`
        Shape `(batch_size, num_spans)`: where there is a candidate.
    sequence : `torch.FloatTensor`, optional
        Shape `(batch_size, sequence_length, sequence_dim)`: what the candidates were read from, of
        a model that reads more from it.
    """

    logits: torch.Tensor
    spans: torch.Tensor
    mask: torch.Tensor
    sequence: Optional[torch.Tensor] = None


class SpanClassifier(Model, RenamedKeys):
    """
    What models have in common that give candidate spans scores for "no entity" and for each label:
    the scoring in bounded memory, the loss, the decoding, the strict scores. A subclass says in
    `score_spans` what it is that scores them.

    # Parameters

    vocab : `Vocabulary`
    max_span_width : `int`
        In words. Wider entities are not found (and count as missed).
    max_spans_per_chunk : `int`, optional (default = `65536`)
        In evaluation, the most candidates to represent in one go, which bounds the memory that a
        very long document takes.
    decoding : `Decoding`, optional (default = `Decoding()`)
        Which of the classified spans become entities.
    label_namespace : `str`, optional (default = `"labels"`)

    # Raises

    `ConfigurationError` for a `max_span_width` below 1.
    """

    default_predictor = "sept"
    renamed_keys = {"spans_at_once": "max_spans_per_chunk"}
    # Whether `score_spans` looks at every candidate in training; if not, it takes `whole`.
    scores_all = True

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
            raise ConfigurationError(f"max_span_width must be at least 1: {max_span_width}")
        self._max_span_width = max_span_width
        self._max_spans_per_chunk = max_spans_per_chunk
        self.decoding = decoding or Decoding()
        self._labels = labels_in(vocab, label_namespace)
        self._metric = StrictSpanF1(self._labels)

    @property
    def labels(self) -> List[str]:
        """In the order of the scores that follow the one of "no entity"."""
        return self._labels

    @property
    def max_span_width(self) -> int:
        """In words."""
        return self._max_span_width

    def score_spans(
        self,
        text: TextFieldTensors,
        sentence_ids: torch.Tensor,
        gold: Optional[torch.Tensor] = None,
        whole: Optional[torch.Tensor] = None,
    ) -> SpanScores:
        """
        The scores of the candidates that the model looks at. Parameters and shapes are those of
        `forward`; `gold` and `whole` matter in training alone.

        # Parameters

        whole : `torch.BoolTensor`, optional
            Shape `(batch_size,)`: the documents of which every candidate must be scored. Only given
            where documents have soft labels, and if not `scores_all`.
        """
        raise NotImplementedError

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
            Shape `(batch_size, num_soft, 2 + num_labels)`: what a teacher believes of candidates,
            see `SoftSpansField`.
        relations, soft_relations : `torch.Tensor`, optional
            Of any shape: only a subclass that overrides this method takes them.

        # Returns

        `loss`, a scalar: the negative log-likelihood summed over a document's candidates (those
        that `score_spans` looks at), mean over the annotated documents; there if any is annotated.
        Of a document with soft labels it is the cross-entropy with these, over all candidates; of
        one with both, the mean of the two.
        In evaluation also `entities`, per document a list of `ScoredSpan`.

        # Raises

        `ConfigurationError` if in training a document is not annotated, and for `relations`.
        """
        check_not_given(relations=relations)
        documents: List[Document] = [fields["document"] for fields in metadata]
        return self._outputs(text, sentence_ids, gold, documents, soft_labels)[1]

    def _outputs(
        self,
        text: TextFieldTensors,
        sentence_ids: torch.Tensor,
        gold: torch.Tensor,
        documents: List[Document],
        soft: Optional[torch.Tensor],
    ) -> Tuple[SpanScores, Dict[str, Any]]:
        """The candidates' scores, and what `forward` makes of them and returns."""
        taught = are_taught(documents, soft)
        if self.training:
            check_annotated(documents, soft)
        whole = {}
        if self.training and any(taught) and not self.scores_all:
            whole = {"whole": torch.tensor(taught, device=gold.device)}
        scores = self.score_spans(text, sentence_ids, gold, **whole)
        outputs: Dict[str, Any] = {}
        learnable = [d.entities is not None or t for d, t in zip(documents, taught)]
        if any(learnable):
            num_words = sentence_ids.size(1)
            targets = self._labels_of(scores.spans, scores.mask, gold, num_words)
            if soft is not None and any(taught):
                teachers = soft_targets(
                    scores.spans, scores.mask, soft, num_words, self._max_span_width
                )
                annotated = [document.entities is not None for document in documents]
                targets = mixed_targets(targets, teachers, annotated, taught)
            outputs["loss"] = self._loss(scores, targets, documents, learnable)
        if not self.training:
            outputs["entities"] = self.find_entities(scores, self.decoding)
            self._metric.count(outputs["entities"], documents)
        return scores, outputs

    def predict(
        self, text: TextFieldTensors, sentence_ids: torch.Tensor, decoding: RuntimeDecoding
    ) -> List[Prediction]:
        """
        What is predicted for each document, and nothing else: no loss, no metric, and nothing in
        the model changes. `text` and `sentence_ids`, of shape `(batch_size, num_words)`, are those
        of `forward`.
        """
        return self._predictions(self.score_spans(text, sentence_ids), decoding)

    def _predictions(self, scores: SpanScores, decoding: RuntimeDecoding) -> List[Prediction]:
        """As `predict`, by the scores of the candidates."""
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
        """Each document's entities by the scores of its candidates."""
        return [
            decode(probabilities, spans, self._labels, decoding)
            for probabilities, spans in probabilities_by_document(scores)
        ]

    def _score_in_chunks(
        self,
        represent: Callable[..., torch.Tensor],
        score: Callable[[torch.Tensor], torch.Tensor],
        sequences: Sequence[torch.Tensor],
        spans: torch.Tensor,
        mask: torch.Tensor,
    ) -> torch.Tensor:
        """
        `score_in_chunks`, with its parameters and shapes: in evaluation `max_spans_per_chunk` at a
        time, in training all.
        """
        at_once = None if self.training else self._max_spans_per_chunk
        return score_in_chunks(represent, score, sequences, spans, mask, at_once)

    def _labels_of(
        self, spans: torch.Tensor, mask: torch.Tensor, gold: torch.Tensor, num_words: int
    ) -> torch.Tensor:
        """`label_spans`: each candidate's class, of shape `(batch_size, num_spans)`."""
        return label_spans(spans, mask, gold, num_words, self._max_span_width)

    def _loss(
        self,
        scores: SpanScores,
        targets: torch.Tensor,
        documents: List[Document],
        learnable: List[bool],
    ) -> torch.Tensor:
        """
        As `forward` describes it.

        # Parameters

        scores : `SpanScores`
        targets : `torch.Tensor`
            What the candidates are to be: their classes, of shape `(batch_size, num_spans)`, or
            distributions over these, with a dimension more.
        documents : `List[Document]`
        learnable : `List[bool]`
            Whether anybody, or a teacher, has annotated the document.
        """
        if not len(scores.logits):
            return zero_loss(self)
        mask = scores.mask
        losses = torch.nn.functional.cross_entropy(
            scores.logits.float(), targets[mask], reduction="none"
        )
        return mean_over_documents(losses, mask, learnable, documents)

    def get_metrics(self, reset: bool = False) -> Dict[str, float]:
        """
        `precision`, `recall` and `f1`; when they are reset, at the end of an evaluation, per label
        too. Nothing while training, where nothing is decoded.
        """
        return {} if self.training else self._metric.report(reset)


def probabilities_by_document(scores: SpanScores) -> Iterator[Tuple[NDArray[Any], NDArray[Any]]]:
    """
    Of each document the probabilities of its candidates' classes, of shape `(num_spans,
    1 + num_labels)`, and the candidates, of shape `(num_spans, 2)`: what `decode` takes.
    """
    counts = scores.mask.sum(dim=1).tolist()
    probabilities = scores.logits.detach().float().softmax(dim=-1).cpu()
    spans = scores.spans[scores.mask].cpu()
    for of_document, candidates in zip(probabilities.split(counts), spans.split(counts)):
        yield of_document.numpy(), candidates.numpy()
