"""What is known of a batch of documents once its spans are scored."""

from itertools import accumulate, chain
from typing import List, NamedTuple, Sequence

import numpy as np
from numpy.typing import NDArray

from sept_runtime.documents import Document, ScoredSpan
from sept_runtime.inference.batching import num_words
from sept_runtime.onnx.candidates import Candidates
from sept_runtime.onnx.fields import FloatArray, Indices
from sept_runtime.onnx.relations import Mentions


class ScoredCandidates(NamedTuple):
    """
    # Parameters

    spans : `NDArray[np.int64]`
        Shape `(num_spans, 2)`: first and last word in the document, both inclusive.
    probabilities : `FloatArray`
        Shape `(num_spans, 1 + num_labels)`; "no entity" comes first.
    """

    spans: NDArray[np.int64]
    probabilities: FloatArray


class Pieces(NamedTuple):
    """
    The word pieces of a batch of documents.

    # Parameters

    documents : `List[List[int]]`
    firsts, lasts : `Indices`
        Shape `(number of words in the batch,)`: each word's first and last piece, counted over all
        documents.
    """

    documents: List[List[int]]
    firsts: Indices
    lasts: Indices


class ScoredBatch(NamedTuple):
    """
    # Parameters

    documents : `Sequence[Document]`
    pieces : `Pieces`
    vectors : `FloatArray`
        Shape `(number of pieces, dim)`; of none where there is no candidate.
    candidates : `Candidates`
    probabilities : `FloatArray`
        Shape `(num_spans, 1 + num_labels)`: of the candidates.
    """

    documents: Sequence[Document]
    pieces: Pieces
    vectors: FloatArray
    candidates: Candidates
    probabilities: FloatArray

    @property
    def num_words(self) -> List[int]:
        """Of each document."""
        return list(map(num_words, self.documents))

    def by_document(self) -> List[ScoredCandidates]:
        """Each document's candidates."""
        spans = np.stack([self.candidates.starts, self.candidates.ends], axis=1)
        spans -= self._first_words[self.candidates.documents, None]
        borders = np.searchsorted(self.candidates.documents, np.arange(1, len(self.documents)))
        return list(
            map(ScoredCandidates, np.split(spans, borders), np.split(self.probabilities, borders))
        )

    def mentions(self, entities: Sequence[List[ScoredSpan]]) -> Mentions:
        """Some of each document's candidates, in order, as what relations may be between."""
        counts = list(map(len, entities))
        words = np.array([span[:2] for span in chain.from_iterable(entities)], np.int64)
        words = words.reshape(-1, 2) + np.repeat(self._first_words, counts)[:, None]
        starts, ends = words.T
        sentences = [len(words) for document in self.documents for words in document.sentences]
        # Candidates are in order, too.
        by_end = len(self.pieces.firsts)
        rows = np.searchsorted(
            self.candidates.starts * by_end + self.candidates.ends, starts * by_end + ends
        )
        return Mentions(
            words,
            np.stack([self.pieces.firsts[starts], self.pieces.lasts[ends]], axis=1),
            np.repeat(np.arange(len(sentences)), sentences)[starts],
            self.probabilities[rows],
        )

    @property
    def _first_words(self) -> Indices:
        """Shape `(number of documents,)`: counted over all documents."""
        return np.array([0, *accumulate(self.num_words[:-1])], np.int64)
