from typing import Any, Callable, Dict, List, Optional, Sequence

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.models import Model

from sept_allennlp.metrics import StrictSpanF1
from sept_allennlp.modules.candidate_spans import label_spans
from sept_allennlp.modules.decoding import Decoding
from sept_allennlp.modules.span_scoring import score_in_chunks
from sept_runtime.decoding import decode
from sept_runtime.documents import Document, ScoredSpan


class SpanClassifier(Model):
    """
    What models have in common that give candidate spans scores for "no entity" and for each label:
    the scoring in bounded memory, the loss, the decoding, the strict scores.

    # Parameters

    vocab : `Vocabulary`
    max_span_width : `int`
        In words. Wider entities are not found (and count as missed).
    spans_at_once : `int`
        In evaluation, the most candidates to represent in one go, which bounds the memory that a
        very long document takes.
    decoding : `Decoding`, optional (default = `Decoding()`)
        Which of the classified spans become entities.
    label_namespace : `str`, optional (default = `"labels"`)

    # Raises

    `ConfigurationError` for a `max_span_width` below 1.
    """

    default_predictor = "sept"

    def __init__(
        self,
        vocab: Vocabulary,
        max_span_width: int,
        spans_at_once: int,
        decoding: Optional[Decoding] = None,
        label_namespace: str = "labels",
        **kwargs: Any,
    ) -> None:
        super().__init__(vocab, **kwargs)
        if max_span_width < 1:
            raise ConfigurationError(f"max_span_width must be at least 1: {max_span_width}")
        self._max_span_width = max_span_width
        self._spans_at_once = spans_at_once
        self.decoding = decoding or Decoding()
        label_of = vocab.get_index_to_token_vocabulary(label_namespace)
        self._labels = [label_of[i] for i in range(len(label_of))]
        self._metric = StrictSpanF1(self._labels)

    def _score_spans(
        self,
        represent: Callable[..., torch.Tensor],
        score: Callable[[torch.Tensor], torch.Tensor],
        sequences: Sequence[torch.Tensor],
        spans: torch.Tensor,
        mask: torch.Tensor,
    ) -> torch.Tensor:
        """
        `score_in_chunks`, in evaluation `spans_at_once` at a time, in training all.
        """
        at_once = None if self.training else self._spans_at_once
        return score_in_chunks(represent, score, sequences, spans, mask, at_once)

    def _labels_of(
        self, spans: torch.Tensor, mask: torch.Tensor, gold: torch.Tensor, num_words: int
    ) -> torch.Tensor:
        return label_spans(spans, mask, gold, num_words, self._max_span_width)

    def _outputs(
        self,
        logits: torch.Tensor,
        spans: torch.Tensor,
        mask: torch.Tensor,
        gold: torch.Tensor,
        sentence_ids: torch.Tensor,
        documents: List[Document],
    ) -> Dict[str, Any]:
        """
        `loss`, if any document is annotated, and in evaluation `entities`, per document a list of
        `ScoredSpan`. The parameters are those of `_loss`, `_find_entities` and `forward`.
        """
        outputs: Dict[str, Any] = {}
        if any(document.entities is not None for document in documents):
            labels = self._labels_of(spans, mask, gold, sentence_ids.size(1))
            outputs["loss"] = self._loss(logits, labels, mask, documents)
        if not self.training:
            outputs["entities"] = self._find_entities(logits, spans, mask, documents)
        return outputs

    def _loss(
        self,
        logits: torch.Tensor,
        labels: torch.Tensor,
        mask: torch.Tensor,
        documents: List[Document],
    ) -> torch.Tensor:
        """
        The negative log-likelihood summed over a document's candidates, mean over the annotated
        documents.

        # Parameters

        logits : `torch.FloatTensor`
            Shape `(number of candidates in the batch, 1 + num_labels)`; "no entity" comes first.
        labels : `torch.LongTensor`
            Shape `(batch_size, num_spans)`: each candidate's class.
        mask : `torch.BoolTensor`
            Shape `(batch_size, num_spans)`.
        documents : `List[Document]`
        """
        if not len(logits):
            return zero_loss(self)
        losses = torch.nn.functional.cross_entropy(logits.float(), labels[mask], reduction="none")
        # A document without words is no document to take a mean over.
        annotated = torch.tensor(
            [document.entities is not None and bool(document.sentences) for document in documents],
            device=mask.device,
        )
        counted = annotated.unsqueeze(1).expand_as(mask)[mask]
        return (losses * counted).sum() / annotated.sum().clamp(min=1)

    def _find_entities(
        self,
        logits: torch.Tensor,
        spans: torch.Tensor,
        mask: torch.Tensor,
        documents: List[Document],
    ) -> List[List[ScoredSpan]]:
        """
        Each document's entities; those of annotated documents enter the scores.

        # Parameters

        logits, mask, documents :
            As for `_loss`.
        spans : `torch.LongTensor`
            Shape `(batch_size, num_spans, 2)`: first and last word.
        """
        counts = mask.sum(dim=1).tolist()
        probabilities = logits.detach().float().softmax(dim=-1)
        entities = [
            decode(
                document_probabilities.numpy(),
                document_spans.numpy(),
                self._labels,
                self.decoding,
            )
            for document_probabilities, document_spans in zip(
                probabilities.cpu().split(counts), spans[mask].cpu().split(counts)
            )
        ]
        self._metric.count(entities, documents)
        return entities

    def get_metrics(self, reset: bool = False) -> Dict[str, float]:
        """
        `precision`, `recall` and `f1`; when they are reset, at the end of an evaluation, per label
        too. Nothing while training, where nothing is decoded.
        """
        return {} if self.training else self._metric.report(reset)


def zero_loss(model: torch.nn.Module) -> torch.Tensor:
    """
    The loss of a batch in which there is nothing to learn from: every parameter gets a gradient,
    or in distributed training the other processes would wait for it for ever.
    """
    return 0.0 * sum(p.sum() for p in model.parameters() if p.requires_grad)


def check_annotated(documents: List[Document]) -> None:
    """
    # Raises

    `ConfigurationError` if one of the documents, which are to be trained on, is not annotated.
    """
    for document in documents:
        if document.entities is None:
            raise ConfigurationError(
                f"{document.describe()}: cannot train on a document without 'ner'"
            )
