"""The windows in which an encoder reads documents, and how their vectors are put together."""

from dataclasses import dataclass
from typing import Callable, Iterator, List, NamedTuple, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from sept_runtime.formats.json_lines import JsonObject
from sept_runtime.onnx.fields import Fields, FloatArray

# The most pieces, padding included, that are encoded in one call. So many keep the cores busy; with
# more the shorter of them are padded to more, and activations leave the cores' cache.
_MAX_PIECES = 1024

Encode = Callable[[NDArray[np.int64], NDArray[np.int64]], FloatArray]


class Window(NamedTuple):
    """
    The pieces of a document that an encoder sees at once, and those of them whose vectors are taken
    from here.

    # Parameters

    document : `int`
    first, end : `int`
        The pieces seen, of the document's.
    taken, taken_end : `int`
        Those with the most context on both sides here.
    """

    document: int
    first: int
    end: int
    taken: int
    taken_end: int


@dataclass(frozen=True)
class Windows:
    """
    How an encoder reads documents: at once, if they have `content` pieces at most, otherwise in
    windows of so many, `stride` apart, the last of which ends where the document does. Each piece's
    vector is taken from the window in which it has the most context.

    # Parameters

    prefix, suffix : `Tuple[int, ...]`
        The special pieces before and after what is read.
    padding : `int`
        The piece that fills shorter rows up.
    content, stride : `int`
        0 where documents of any length are read at once.
    """

    prefix: Tuple[int, ...]
    suffix: Tuple[int, ...]
    padding: int
    content: int
    stride: int

    @classmethod
    def from_json(cls, fields: Fields) -> "Windows":
        """What `to_json` gives; raises `ExportedModelError` if it is not right."""
        content, stride = fields.whole("content"), fields.whole("stride")
        if content and not 0 < stride <= content:
            raise fields.fault(f"must lie between 1 and 'content', {content}", "stride")
        prefix, suffix = fields.wholes("prefix"), fields.wholes("suffix")
        return cls(tuple(prefix), tuple(suffix), fields.whole("padding"), content, stride)

    def to_json(self) -> JsonObject:
        """As it stands in a configuration."""
        return {
            "prefix": list(self.prefix),
            "suffix": list(self.suffix),
            "padding": self.padding,
            "content": self.content,
            "stride": self.stride,
        }

    def of(self, document: int, length: int) -> List[Window]:
        """The windows of a document of so many pieces."""
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
        # Parameters

        encode : `Encode`
            Takes pieces and where there are any, both of shape `(rows, num_pieces)`, and gives
            vectors of shape `(rows, num_pieces, dim)`.
        dim : `int`
        documents : `Sequence[List[int]]`
            Each one's pieces, without special ones.
        step : `int`, optional (default = `1`)
            Rows are filled up to a multiple of so many pieces.

        # Returns

        Shape `(number of pieces of all documents, dim)`: their vectors, one after the other.
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
        """Windows of like length, as many as are to be encoded at once."""
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
    ) -> Tuple[NDArray[np.int64], NDArray[np.int64]]:
        rows = [
            [*self.prefix, *documents[window.document][window.first : window.end], *self.suffix]
            for window in windows
        ]
        length = -(-max(map(len, rows)) // step) * step
        if self.content:
            # Encoders know no more positions than those of a whole window.
            length = min(length, len(self.prefix) + self.content + len(self.suffix))
        pieces = np.full((len(rows), length), self.padding, np.int64)
        mask = np.zeros_like(pieces)
        for index, row in enumerate(rows):
            pieces[index, : len(row)] = row
            mask[index, : len(row)] = 1
        return pieces, mask
