from typing import Any, List, Tuple

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sept_runtime.onnx.graph import FloatArray
from sept_runtime.onnx.windows import Windows

PREFIX, SUFFIX = (101,), (102, 103)


def windows(content: int, stride: int) -> Windows:
    return Windows(PREFIX, SUFFIX, padding=7, content=content, stride=stride)


class Encoder:
    """The vector of a piece is the piece, and where in its row it stands."""

    def __init__(self) -> None:
        self.rows: List[List[int]] = []
        self.lengths: List[int] = []

    def __call__(self, pieces: Any, mask: Any) -> FloatArray:
        assert (pieces[mask == 0] == 7).all()
        self.lengths.append(pieces.shape[1])
        self.rows += [row[there == 1].tolist() for row, there in zip(pieces, mask)]
        places = np.broadcast_to(np.arange(pieces.shape[1]), pieces.shape)
        return np.stack([pieces, places], axis=-1).astype(np.float32)


def encoded(cut: Windows, *documents: List[int]) -> Tuple[List[List[float]], List[List[int]]]:
    encoder = Encoder()
    return cut.encode(encoder, 2, documents).tolist(), encoder.rows


def test_documents_that_fit_share_a_window() -> None:
    vectors, rows = encoded(windows(4, 3), [11, 12, 13], [21])
    assert rows == [[101, 21, 102, 103], [101, 11, 12, 13, 102, 103]]
    assert vectors == [[11, 1], [12, 2], [13, 3], [21, 1]]


def test_the_last_window_ends_where_the_document_does() -> None:
    vectors, rows = encoded(windows(4, 2), [11, 12, 13, 14, 15, 16, 17])
    assert [row[1:-2] for row in rows] == [[11, 12, 13, 14], [13, 14, 15, 16], [14, 15, 16, 17]]
    # The borders lie in the middle of what two windows share: before 14 (2 and 3 of 2 to 3), and
    # before 15 or 16 (pieces 3 to 5 of the second and the third).
    assert vectors == [[11, 1], [12, 2], [13, 3], [14, 2], [15, 2], [16, 3], [17, 4]]


def test_without_special_pieces_a_document_of_any_length_is_one_row() -> None:
    cut = Windows((), (), padding=7, content=0, stride=0)
    vectors, rows = encoded(cut, list(range(500)), [3], [])
    assert vectors == [[piece, piece] for piece in range(500)] + [[3, 0]]
    assert sorted(map(len, rows)) == [0, 1, 500]


@pytest.mark.parametrize("content, lengths", [(0, [8, 16]), (11, [8, 14])])
def test_rows_of_a_step(content: int, lengths: List[int]) -> None:
    # With three special pieces, and at most 11 others.
    cut, encoder = windows(content, content), Encoder()
    documents = [[*range(20, 25)], [*range(40, 49)]]
    for document, length in zip(documents, lengths):
        found = cut.encode(encoder, 2, [document], step=8)
        assert found.tolist() == [[piece, place] for place, piece in enumerate(document, 1)]
        assert encoder.lengths.pop() == length


@given(
    lengths=st.lists(st.integers(0, 40), min_size=1, max_size=4),
    content=st.integers(1, 12),
    data=st.data(),
)
def test_each_piece_has_the_most_context(lengths: List[int], content: int, data: Any) -> None:
    stride = data.draw(st.integers(1, content))
    documents = [list(range(200, 200 + length)) for length in lengths]
    vectors, _ = encoded(windows(content, stride), *documents)
    assert [piece for piece, _ in vectors] == [piece for pieces in documents for piece in pieces]
    places = iter(vectors)
    for length in lengths:
        starts = [*range(0, max(length - content, 0), stride), max(length - content, 0)]
        for piece in range(length):
            contexts = [
                min(piece - start, min(start + content, length) - 1 - piece)
                for start in starts
                if start <= piece < start + content
            ]
            place = next(places)[1] - len(PREFIX)
            start = piece - place
            # At a document's ends there is no more context to have.
            if len(starts) > 1 and starts[0] < start < starts[-1]:
                assert min(place, content - 1 - place) >= max(contexts) - 1
            assert start in starts


def test_a_configuration_is_read_as_it_was_written() -> None:
    cut = windows(62, 47)
    assert msgspec.json.decode(msgspec.json.encode(cut), type=Windows) == cut
    with pytest.raises(ValueError, match=r"stride must be between 1 and content \(62\), got 63"):
        windows(62, 63)
