"""The candidate spans of a batch of documents, and pairs of spans, without an object for each."""

from itertools import chain
from typing import NamedTuple, Sequence

import numpy as np
from numpy.typing import NDArray

from sept_runtime.documents import Document
from sept_runtime.onnx.graph import Indices


class Candidates(NamedTuple):
    """
    Spans of several documents, ordered by document, then by start, then by width.

    Words are counted over the whole batch.

    # Parameters

    starts, ends : `Indices`
        Shape `(num_spans,)`: first and last word, both inclusive.
    documents : `Indices`
        Shape `(num_spans,)`: the index of each span's document.
    """

    starts: Indices
    ends: Indices
    documents: Indices

    def where(self, keep: NDArray[np.bool_]) -> "Candidates":
        """Return the candidates for which a mask is true."""
        return Candidates(self.starts[keep], self.ends[keep], self.documents[keep])


def enumerate_candidates(documents: Sequence[Document], max_span_width: int) -> Candidates:
    """
    Return every span that lies inside one sentence.

    # Parameters

    documents : `Sequence[Document]`
    max_span_width : `int`
        In words.
    """
    sentences = [list(map(len, document.sentences)) for document in documents]
    lengths = np.fromiter(chain.from_iterable(sentences), np.int64)
    # Shape (each): (num_words,)
    sentence_ends = np.repeat(lengths.cumsum(), lengths)
    words = np.arange(len(sentence_ends))
    document_of_word = np.repeat(np.arange(len(documents)), list(map(sum, sentences)))
    # The number of spans that start at each word.
    counts = np.minimum(sentence_ends - words, max_span_width)
    # Shape (each): (num_spans,)
    starts = np.repeat(words, counts)
    widths_minus_one = np.arange(len(starts)) - np.repeat(counts.cumsum() - counts, counts)
    return Candidates(starts, starts + widths_minus_one, np.repeat(document_of_word, counts))


def sentence_pairs(words: Indices, sentences: Indices, max_distance: int) -> Indices:
    """
    Return all unordered pairs of spans that lie in one sentence and are not too far apart.

    # Parameters

    words : `Indices`
        Shape `(num_spans, 2)`: first and last word, counted over the whole batch, in order.
    sentences : `Indices`
        Shape `(num_spans,)`: the index of each span's sentence, counted over the whole batch.
    max_distance : `int`
        The most words between the two spans.

    # Returns

    Shape `(num_pairs, 2)`: the indices of the first and of the second span, in order.
    """
    indices = np.arange(len(words))
    # Spans are ordered by their starts, so the partners of a span follow it without a gap.
    last_start = words[:, 1] + 1 + max_distance
    ends = np.minimum(
        np.searchsorted(sentences, sentences, side="right"),
        np.searchsorted(words[:, 0], last_start, side="right"),
    )
    counts = ends - indices - 1
    firsts = np.repeat(indices, counts)
    steps = np.arange(len(firsts)) - np.repeat(counts.cumsum() - counts, counts)
    return np.stack([firsts, firsts + 1 + steps], axis=1)
