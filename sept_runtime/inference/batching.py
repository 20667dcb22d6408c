"""Which documents share a batch: those of like length, as little padding as can be."""

from typing import Iterable, Iterator, List, Sequence

from sept_runtime.documents import Document

# So many words are read ahead at most.
_MAX_WORDS_AHEAD = 500_000


def num_words(document: Document) -> int:
    """How many words a document has, in all its sentences."""
    return sum(map(len, document.sentences))


def blocks(documents: Iterable[Document], max_documents: int) -> Iterator[List[Document]]:
    """The documents in order, as many at a time as are to be held."""
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
    The indices of documents of these lengths, in batches of like length, the shortest first.

    # Parameters

    lengths : `Sequence[int]`
    batch_size : `int`
        How many documents a batch has at most.
    max_words : `int`
        How many words a batch has at most, padding included; a longer document makes a batch of
        its own. So one very long document does not have its whole batch padded to its length.
    """
    batch: List[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        # The longest so far, to which the others are padded.
        if batch and (len(batch) == batch_size or (len(batch) + 1) * lengths[index] > max_words):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
