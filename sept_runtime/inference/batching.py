"""Batches of documents of similar length, with little padding."""

from typing import Iterable, Iterator, List, Sequence

from sept_runtime.documents import Document

# The maximum number of words that are read ahead.
_MAX_WORDS_AHEAD = 500_000


def num_words(document: Document) -> int:
    """Return the number of words in a document."""
    return sum(map(len, document.sentences))


def blocks(documents: Iterable[Document], max_documents: int) -> Iterator[List[Document]]:
    """Yield the documents in order, in lists of a bounded number of documents and words."""
    block: List[Document] = []
    words = 0
    for document in documents:
        block.append(document)
        words += num_words(document)
        if len(block) >= max_documents or words >= _MAX_WORDS_AHEAD:
            yield block
            block, words = [], 0
    if block:
        yield block


def batches(lengths: Sequence[int], batch_size: int, max_words: int) -> Iterator[List[int]]:
    """
    Yield the indices of documents in batches of similar length, the shortest first.

    # Parameters

    lengths : `Sequence[int]`
    batch_size : `int`
        The maximum number of documents in a batch.
    max_words : `int`
        The maximum number of words in a batch, padding included. A longer document has a batch of
        its own, so that no other document is padded to its length.
    """
    batch: List[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        # This document is the longest so far; the others are padded to its length.
        if batch and (len(batch) == batch_size or (len(batch) + 1) * lengths[index] > max_words):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
