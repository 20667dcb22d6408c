from typing import Iterator, List

import pytest

from sept_runtime.documents import Document
from sept_runtime.inference import batching
from sept_runtime.inference.batching import batches, blocks, num_words


def document(length: int) -> Document:
    return Document(key="", sentences=[["we"]] * length)


@pytest.mark.parametrize(
    "lengths, expected",
    [
        ([], []),
        ([7], [[0]]),
        # Of like length, and of those as long as each other the first first.
        ([9, 5, 7, 5, 0], [[4, 1, 3], [2, 0]]),
        # As many as 2,048 words at once: twice 1,024, but not 1,023 beside 1,025.
        ([900, 1024, 1023, 1025], [[0, 2], [1], [3]]),
        # A very long one does not have its neighbors padded to its length.
        ([5, 20_000, 7, 6], [[0, 3, 2], [1]]),
        ([3000, 3000], [[0], [1]]),
    ],
)
def test_documents_of_similar_length_share_a_batch(
    lengths: List[int], expected: List[List[int]]
) -> None:
    assert list(batches(lengths, batch_size=3, max_words=2048)) == expected


def test_blocks_have_the_given_number_of_documents() -> None:
    documents = [document(length) for length in (1, 0, 2, 3, 1)]
    assert list(blocks(documents, 2)) == [documents[:2], documents[2:4], documents[4:]]


def test_a_block_of_long_documents_ends_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "_MAX_WORDS_AHEAD", 10)
    documents = [document(length) for length in (9, 1, 12, 4, 5)]
    found = list(blocks(documents, 100))
    assert [list(map(num_words, block)) for block in found] == [[9, 1], [12], [4, 5]]


def test_no_document_is_read_before_it_is_needed() -> None:
    taken = 0

    def documents() -> Iterator[Document]:
        nonlocal taken
        while True:
            taken += 1
            yield document(1)

    next(blocks(documents(), 5))
    assert taken == 5
