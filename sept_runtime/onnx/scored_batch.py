"""The word pieces, vectors and scored candidates of a batch of documents."""

from itertools import accumulate, chain
from typing import List, NamedTuple, Sequence, Tuple

import numpy as np

from sept_runtime.documents import Document, ScoredSpan
from sept_runtime.inference.batching import num_words
from sept_runtime.onnx.candidates import Candidates
from sept_runtime.onnx.graph import FloatArray, Indices
from sept_runtime.onnx.heads import Spans


class ScoredCandidates(NamedTuple):
    """
    The candidates of a document with the probabilities of their labels.

    # Parameters

    spans : `Indices`
        Shape `(num_spans, 2)`: first and last word in the document, both inclusive.
    probabilities : `FloatArray`
        Shape `(num_spans, 1 + num_labels)`; "no entity" comes first.
    """

    spans: Indices
    probabilities: FloatArray


class Pieces(NamedTuple):
    """
    The word pieces of a batch of documents.

    # Parameters

    documents : `List[List[int]]`
    firsts, lasts : `Indices`
        Shape `(number of words in the batch,)`: each word's first and last piece, counted over the
        whole batch.
    """

    documents: List[List[int]]
    firsts: Indices
    lasts: Indices

    @property
    def borders(self) -> Indices:
        """Return each document's first piece, and the number of pieces."""
        return np.array([0, *accumulate(map(len, self.documents))], np.int64)

    def spans(self, words: Indices, borders: Indices) -> Spans:
        """Return spans given by their words, of shape `(num_spans, 2)`."""
        starts, ends = words.T
        return Spans(np.stack([self.firsts[starts], self.lasts[ends]], axis=1), words, borders)


class ScoredBatch(NamedTuple):
    """
    A batch of documents whose candidates are scored.

    # Parameters

    documents : `Sequence[Document]`
    pieces : `Pieces`
    vectors : `FloatArray`
        Shape `(number of pieces, dim)`; empty if there are no candidates.
    candidates : `Candidates`
    probabilities : `FloatArray`
        Shape `(num_spans, 1 + num_labels)`.
    """

    documents: Sequence[Document]
    pieces: Pieces
    vectors: FloatArray
    candidates: Candidates
    probabilities: FloatArray

    @property
    def num_words(self) -> List[int]:
        """Return the number of words of each document."""
        return list(map(num_words, self.documents))

    def by_document(self) -> List[ScoredCandidates]:
        """Return each document's candidates."""
        spans = np.stack([self.candidates.starts, self.candidates.ends], axis=1)
        spans -= self._first_words[self.candidates.documents, None]
        borders = np.searchsorted(self.candidates.documents, np.arange(1, len(self.documents)))
        return list(
            map(ScoredCandidates, np.split(spans, borders), np.split(self.probabilities, borders))
        )

    def entity_spans(self, entities: Sequence[List[ScoredSpan]]) -> Tuple[Spans, Indices]:
        """
        Return the spans and the sentences of entities, which are given in order.

        The index of a sentence is counted over the whole batch.
        """
        counts = list(map(len, entities))
        words = np.array([span[:2] for span in chain.from_iterable(entities)], np.int64)
        words = words.reshape(-1, 2) + np.repeat(self._first_words, counts)[:, None]
        sentences = [len(words) for document in self.documents for words in document.sentences]
        sentence_of_word = np.repeat(np.arange(len(sentences)), sentences)
        borders = np.array([0, *accumulate(counts)], np.int64)
        return self.pieces.spans(words, borders), sentence_of_word[words[:, 0]]

    @property
    def _first_words(self) -> Indices:
        """Return each document's first word, counted over the whole batch."""
        return np.array([0, *accumulate(self.num_words[:-1])], np.int64)
