"""The candidate spans of a batch of documents, in numpy: no Python object per candidate."""

from itertools import chain
from typing import NamedTuple, Sequence

import numpy as np
from numpy.typing import NDArray

from sept_runtime.documents import Document
from sept_runtime.onnx.fields import Indices


class Candidates(NamedTuple):
    """
    Spans of several documents, whose words are counted from the first document's first to the last
    one's last; in the order of the documents, then by start, then by width.

    # Parameters

    starts, ends : `Indices`
        Shape `(num_spans,)`: first and last word, both inclusive.
    documents : `Indices`
        Shape `(num_spans,)`: which document each is in.
    """

    starts: Indices
    ends: Indices
    documents: Indices

    def where(self, keep: NDArray[np.bool_]) -> "Candidates":
        """Those where a mask is true."""
        return Candidates(self.starts[keep], self.ends[keep], self.documents[keep])


def enumerate_candidates(documents: Sequence[Document], max_span_width: int) -> Candidates:
    """
    Every span that lies inside one sentence.

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
    # How many spans begin at each word.
    counts = np.minimum(sentence_ends - words, max_span_width)
    # Shape (each): (num_spans,)
    starts = np.repeat(words, counts)
    widths_minus_one = np.arange(len(starts)) - np.repeat(counts.cumsum() - counts, counts)
    return Candidates(starts, starts + widths_minus_one, np.repeat(document_of_word, counts))
