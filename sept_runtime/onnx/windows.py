"""The windows in which an encoder reads documents, and how their vectors are joined."""

from typing import Callable, Iterator, List, NamedTuple, Sequence, Tuple

import msgspec
import numpy as np

from sept_runtime.onnx.graph import FloatArray, Indices

# The most pieces, padding included, to encode in one call. This many keep the cores busy; with
# more, short windows get more padding and activations do not fit the cores' caches.
_MAX_PIECES = 1024

Encode = Callable[[Indices, Indices], FloatArray]


class Window(NamedTuple):
    """
    The pieces of a document that an encoder reads at once.

    # Parameters

    document : `int`
    first, end : `int`
        The pieces that are read.
    taken, taken_end : `int`
        The pieces whose vectors are taken from this window, where they have the most context.
    """

    document: int
    first: int
    end: int
    taken: int
    taken_end: int


class Windows(msgspec.Struct, frozen=True):
    """
    The windows in which an encoder reads documents.

    A document of at most `content` pieces is read at once, a longer one in windows of `content`
    pieces that start every `stride` pieces; the last window ends where the document ends. Each
    piece's vector is taken from the window in which it has the most context.

    # Parameters

    prefix, suffix : `Tuple[int, ...]`
        The special pieces before and after a window.
    padding : `int`
        The piece that pads shorter rows.
    content, stride : `int`
        0 if documents of any length are read at once.

    # Raises

    `ValueError` if `content` or `stride` is out of range.
    """

    prefix: Tuple[int, ...]
    suffix: Tuple[int, ...]
    padding: int
    content: int
    stride: int

    def __post_init__(self) -> None:
        if self.content < 0 or (self.content and not 0 < self.stride <= self.content):
            raise ValueError(
                f"stride must be between 1 and content ({self.content}), got {self.stride}"
            )

    def of(self, document: int, length: int) -> List[Window]:
        """Cut a document of `length` pieces into windows."""
        last = max(length - self.content, 0) if self.content else 0
        starts = [*range(0, last, self.stride or 1), last]
        ends = [min(start + self.content, length) if self.content else length for start in starts]
        # Two neighbors share the pieces from the later's start to the earlier's end; the border
        # lies in the middle.
        borders = [
            (start + next_start + self.content) // 2
            for start, next_start in zip(starts, starts[1:])
        ]
        return [
            Window(document, *window)
            for window in zip(starts, ends, [0, *borders], [*borders, length])
        ]

    def encode(
        self, encode: Encode, dim: int, documents: Sequence[List[int]], step: int = 1
    ) -> FloatArray:
        """
        Encode documents window by window.

        # Parameters

        encode : `Encode`
            Takes pieces and their mask, both of shape `(rows, num_pieces)`, and returns vectors of
            shape `(rows, num_pieces, dim)`.
        dim : `int`
        documents : `Sequence[List[int]]`
            Each document's pieces, without special pieces.
        step : `int`, optional (default = `1`)
            Rows are padded to a multiple of `step` pieces.

        # Returns

        The vectors of all documents' pieces, of shape `(total number of pieces, dim)`.
        """
        offsets = np.cumsum([0, *map(len, documents)])
        vectors = np.empty((offsets[-1], dim), np.float32)
        windows = [
            window
            for document, pieces in enumerate(documents)
            for window in self.of(document, len(pieces))
        ]
        for group in self._groups(windows):
            rows = self._rows(documents, group, step)
            encoded = encode(*rows)
            for row, window in zip(encoded, group):
                first = len(self.prefix) - window.first
                offset = offsets[window.document]
                vectors[offset + window.taken : offset + window.taken_end] = row[
                    first + window.taken : first + window.taken_end
                ]
        return vectors

    def _groups(self, windows: List[Window]) -> Iterator[List[Window]]:
        """Group windows of similar length that are encoded in one call."""
        group: List[Window] = []
        for window in sorted(windows, key=lambda window: window.end - window.first):
            length = len(self.prefix) + window.end - window.first + len(self.suffix)
            if group and (len(group) + 1) * length > _MAX_PIECES:
                yield group
                group = []
            group.append(window)
        if group:
            yield group

    def _rows(
        self, documents: Sequence[List[int]], windows: List[Window], step: int
    ) -> Tuple[Indices, Indices]:
        rows = [
            [*self.prefix, *documents[window.document][window.first : window.end], *self.suffix]
            for window in windows
        ]
        length = -(-max(map(len, rows)) // step) * step
        if self.content:
            # An encoder has no positions beyond those of a full window.
            length = min(length, len(self.prefix) + self.content + len(self.suffix))
        pieces = np.full((len(rows), length), self.padding, np.int64)
        mask = np.zeros_like(pieces)
        for index, row in enumerate(rows):
            pieces[index, : len(row)] = row
            mask[index, : len(row)] = 1
        return pieces, mask
