from typing import Any, List, Optional

import torch
from allennlp.common import Lazy
from allennlp.common.checks import ConfigurationError
from allennlp.data import TextFieldTensors, Vocabulary
from allennlp.models import Model
from allennlp.modules import FeedForward, Seq2SeqEncoder, TextFieldEmbedder
from allennlp.modules.span_extractors import SpanExtractor
from allennlp.nn import InitializerApplicator

from sept_allennlp.models.span_classifier import SpanClassifier, SpanScores
from sept_allennlp.modules.candidate_spans import PADDING, enumerate_spans, select
from sept_allennlp.modules.construction import construct_with_input_dim
from sept_allennlp.modules.decoding import Decoding
from sept_allennlp.modules.span_scoring import score_in_chunks
from sept_runtime.decoding import NO_ENTITY


@Model.register("sciie")
class SciIE(SpanClassifier):
    """
    The entity recognition of SciIE, the span-based baseline of SEPT's Table 1.

    (Luan et al. 2018, "Multi-Task Identification of Entities, Relations, and Coreference for
    Scientific Knowledge Graph Construction", section 4; trained for entities alone.)

    A BiLSTM reads a document's words. Each span inside a sentence is represented by its two ends in
    the BiLSTM's output, its width, and a head, a weighted mean of its words' embeddings (Lee et al.
    2017, "End-to-end Neural Coreference Resolution", section 4). A first MLP gives each span a
    score for being a mention; the `spans_per_word` × words best spans of each document are kept,
    rounded down, but at least one of each document that has any. A second MLP scores the labels of
    the kept spans:

        score(span, label) = mention score(span) + label score(span, label)
        score(span, no entity) = 0

    with a softmax over both. SciIE itself prunes only for its pairwise tasks, where a pair's score
    is the sum of its spans' mention scores and its own, and scores entities by the label score
    alone. The baseline of SEPT's Table 1 prunes before the labels are scored; here the sum trains
    the pruner, as in SciIE's pairs.

    The likelihood is that of the kept spans. In training all annotated entities are kept, too
    (`keep_gold`), so that all of them count, as in SciIE's likelihood of all spans. Without that,
    the pruner learns of an entity only when the scores of the spans kept in its place have
    decreased enough; with small learning rates that can take longer than the patience of early
    stopping. In evaluation a pruned entity counts as missed.

    The input dimensions of the parts follow from each other, and may be left out.

    Registered as a `Model` with name "sciie".

    # Parameters

    vocab : `Vocabulary`
    text_field_embedder : `TextFieldEmbedder`
        Embeds words, one vector each (`pooled_word_pieces`, `elmo_token_embedder`, ...).
    context_layer : `Lazy[Seq2SeqEncoder]`
        The BiLSTM over the words of a document.
    span_extractor : `Lazy[SpanExtractor]`
        Turns spans of the context layer's output into vectors: both ends and the width.
    mention_feedforward : `Lazy[FeedForward]`
        The MLP before the mention score.
    ner_feedforward : `Lazy[FeedForward]`
        The MLP before the labels' scores.
    head_extractor : `Lazy[SpanExtractor]`, optional (default = `None`)
        Turns spans of the words' embeddings into vectors, which are appended to those of
        `span_extractor`: SciIE's head is `self_attentive_sum`.
    max_span_width : `int`, optional (default = `8`)
        In words. Wider entities are not found (and count as missed).
    spans_per_word : `float`, optional (default = `0.4`)
        The number of spans to keep for each word of a document.
    keep_gold : `bool`, optional (default = `True`)
        In training, keep the annotated entities beside the best spans.
    lexical_dropout : `float`, optional (default = `0.5`)
        On the words' embeddings.
    decoding : `Decoding`, optional (default = `Decoding()`)
        Which of the kept spans become entities.
    max_spans_per_chunk : `int`, optional (default = `16384`)
        In evaluation, the maximum number of candidates to represent at once, which bounds the
        memory that a very long document takes.
    label_namespace : `str`, optional (default = `"labels"`)
    initializer : `InitializerApplicator`, optional

    # Raises

    `ConfigurationError` for a `max_span_width` below 1 or a `spans_per_word` that is not positive.
    """

    def __init__(
        self,
        vocab: Vocabulary,
        text_field_embedder: TextFieldEmbedder,
        context_layer: Lazy[Seq2SeqEncoder],
        span_extractor: Lazy[SpanExtractor],
        mention_feedforward: Lazy[FeedForward],
        ner_feedforward: Lazy[FeedForward],
        head_extractor: Optional[Lazy[SpanExtractor]] = None,
        max_span_width: int = 8,
        spans_per_word: float = 0.4,
        keep_gold: bool = True,
        lexical_dropout: float = 0.5,
        decoding: Optional[Decoding] = None,
        max_spans_per_chunk: int = 16384,
        label_namespace: str = "labels",
        initializer: Optional[InitializerApplicator] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            vocab, max_span_width, max_spans_per_chunk, decoding, label_namespace, **kwargs
        )
        if spans_per_word <= 0:
            raise ConfigurationError(f"spans_per_word must be positive, got {spans_per_word}")
        word_dim = text_field_embedder.get_output_dim()
        context = construct_with_input_dim(context_layer, word_dim)
        ends = construct_with_input_dim(span_extractor, context.get_output_dim())
        span_dim = ends.get_output_dim()
        head = None
        if head_extractor is not None:
            head = construct_with_input_dim(head_extractor, word_dim)
            span_dim += head.get_output_dim()
        mention = construct_with_input_dim(mention_feedforward, span_dim)
        ner = construct_with_input_dim(ner_feedforward, span_dim)
        self._embedder = text_field_embedder
        self._lexical_dropout = torch.nn.Dropout(lexical_dropout)
        self._context_layer = context
        self._span_extractor = ends
        self._head_extractor = head
        self._spans_per_word = spans_per_word
        self._keep_gold = keep_gold
        self._mention_feedforward = mention
        self._mention_output = torch.nn.Linear(mention.get_output_dim(), 1)
        self._ner_feedforward = ner
        self._ner_output = torch.nn.Linear(ner.get_output_dim(), len(self._labels))
        if initializer is not None:
            initializer(self)

    def score_spans(
        self,
        text: TextFieldTensors,
        sentence_ids: torch.Tensor,
        gold: Optional[torch.Tensor] = None,
        keep_all: Optional[torch.Tensor] = None,
    ) -> SpanScores:
        """
        Score the spans that are kept.

        Parameters and shapes are those of `SpanClassifier`.

        # Raises

        `ConfigurationError` if the embedder does not yield one vector for each word.
        """
        # Shape: (batch_size, num_spans, 2) and (batch_size, num_spans)
        spans, mask = enumerate_spans(sentence_ids, self._max_span_width)
        # Recurrent encoders fail for a batch without words.
        if not spans.size(1):
            logits = torch.zeros(0, 1 + len(self._labels), device=spans.device)
            labels: Optional[torch.Tensor] = torch.zeros_like(mask, dtype=torch.long)
            return SpanScores(logits, spans, mask, labels)
        sequences = self._encode(text, sentence_ids != PADDING)
        # Shape: (number of candidates in the batch,)
        at_once = None if self.training else self._max_spans_per_chunk
        mention_scores = score_in_chunks(
            self._represent, self._score_mentions, sequences, spans, mask, at_once
        ).squeeze(-1)
        num_words = (sentence_ids != PADDING).sum(dim=1)
        # Shape: (batch_size, num_spans)
        keep = keep_best(mention_scores, mask, (self._spans_per_word * num_words).long())
        labels = None
        if gold is not None:
            labels = self.label_spans(spans, mask, gold, sentence_ids.size(1))
            if self.training and self._keep_gold:
                keep = keep | (labels != NO_ENTITY)
            if keep_all is not None:
                keep = keep | mask & keep_all.unsqueeze(1)
            labels, _ = select(keep, labels)
        mention_scores = mention_scores[keep[mask]]
        spans, mask = select(keep, spans)
        # The kept spans are represented again: they are few, and keeping the vectors of all
        # candidates would take the memory that `max_spans_per_chunk` saves.
        # Shape: (number of kept spans in the batch, num_labels)
        label_scores = score_in_chunks(
            self._represent, self._score_labels, sequences, spans, mask, at_once
        )
        scores = mention_scores.unsqueeze(-1) + label_scores
        return SpanScores(torch.nn.functional.pad(scores, (1, 0)), spans, mask, labels)

    def _encode(self, text: TextFieldTensors, word_mask: torch.Tensor) -> List[torch.Tensor]:
        """
        Return the context layer's output and the words' embeddings.

        Their shapes are `(batch_size, num_words, ...)`, that of `word_mask` is `(batch_size,
        num_words)`.
        """
        embedded = self._embedder(text)
        if embedded.size(1) != word_mask.size(1):
            raise ConfigurationError(
                f"'sciie' needs one vector a word, but the embedder yields {embedded.size(1)} for "
                f"{word_mask.size(1)} words: for word pieces, use 'pooled_word_pieces'"
            )
        embedded = self._lexical_dropout(embedded)
        return [self._context_layer(embedded, word_mask), embedded]

    def _represent(
        self,
        context: torch.Tensor,
        embedded: torch.Tensor,
        spans: torch.Tensor,
        mask: torch.Tensor,
    ) -> torch.Tensor:
        """Return the spans' vectors, as `score_in_chunks` needs them."""
        # Shape (both): (batch_size, num_spans, their own dim)
        vectors = self._span_extractor(context, spans, span_indices_mask=mask)
        if self._head_extractor is None:
            return vectors
        heads = self._head_extractor(embedded, spans, span_indices_mask=mask)
        return torch.cat([vectors, heads], dim=-1)

    def _score_mentions(self, vectors: torch.Tensor) -> torch.Tensor:
        """Map shape `(number of spans, span_dim)` to `(number of spans, 1)`."""
        return self._mention_output(self._mention_feedforward(vectors))

    def _score_labels(self, vectors: torch.Tensor) -> torch.Tensor:
        """Map shape `(number of spans, span_dim)` to `(number of spans, num_labels)`."""
        return self._ner_output(self._ner_feedforward(vectors))


def keep_best(scores: torch.Tensor, mask: torch.Tensor, most: torch.Tensor) -> torch.Tensor:
    """
    Return the spans of each document with the highest scores.

    # Parameters

    scores : `torch.FloatTensor`
        Shape `(number of spans in the batch,)`.
    mask : `torch.BoolTensor`
        Shape `(batch_size, num_spans)`.
    most : `torch.LongTensor`
        Shape `(batch_size,)`: the number to keep. A document with fewer spans keeps them all, and
        one with any keeps at least one.

    # Returns

    `torch.BoolTensor` of shape `(batch_size, num_spans)`.
    """
    counts = torch.minimum(most.clamp(min=1), mask.sum(dim=1))
    size = int(counts.max())
    # Shape: (batch_size, num_spans)
    grid = scores.new_full(mask.size(), float("-inf"))
    grid[mask] = scores.detach()
    # Shape (each): (batch_size, size)
    best = grid.topk(size, dim=1).indices
    kept = torch.arange(size, device=mask.device) < counts.unsqueeze(1)
    return torch.zeros_like(mask).scatter(1, best, kept)
