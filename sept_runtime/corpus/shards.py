"""Cutting input files into shards: what is predicted, written and remembered as a whole."""

import time
from dataclasses import dataclass, field
from typing import Collection, Dict, Iterator, List, Optional

from sept_runtime.corpus.formats import Line, Unreadable, open_lines
from sept_runtime.corpus.inputs import InputFile

# A shard ends early when its lines have this many bytes, so that a shard of long documents fits
# into memory too.
MAX_SHARD_BYTES = 32 * 2**20


@dataclass(frozen=True)
class Shard:
    """
    Some successive lines of one file: what one worker takes at once, and one file of the output.

    # Parameters

    file : `int`
        The file's index among the inputs.
    number : `int`
        The shard's index in its file.
    first_line : `int`
        Counted from 1; of a Parquet file, rows are counted.
    num_lines : `int`
    num_bytes : `int`
        How much of the file it takes up, as it lies on the disk: about, if it is compressed.
    last : `bool`
        Whether the file ends with it. Every file has a last shard; an empty file's has no line.
    """

    file: int
    number: int
    first_line: int
    num_lines: int
    num_bytes: int
    last: bool

    @property
    def name(self) -> str:
        """Of its files; names sort in the order of the input."""
        return f"{self.file:06d}-{self.number:06d}"


@dataclass
class ShardLines:
    """
    A shard with its lines.

    # Parameters

    shard : `Shard`
    lines : `List[bytes]`
        Without line ends; empty where a line could not be read.
    unreadable : `Dict[int, str]`, optional
        Per index in `lines` the reason why it could not be read.
    seconds : `float`, optional
        How long reading took.
    """

    shard: Shard
    lines: List[bytes]
    unreadable: Dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0


def read_shards(
    file: InputFile,
    index: int,
    lines_per_shard: int,
    done: Collection[int] = (),
    text_column: Optional[str] = None,
) -> Iterator[ShardLines]:
    """
    Reads the shards of a file, in order and one at a time: the file may be of any size.

    A file that ends in the middle, or turns out to be damaged, has one line more, which says so in
    place of all that cannot be read.

    # Parameters

    file : `InputFile`
    index : `int`
        Its index among the inputs.
    lines_per_shard : `int`
    done : `Collection[int]`, optional
        The numbers of shards to leave out.
    text_column : `str`, optional (default = `"text"`)
        The column of a Parquet file that holds the raw text.

    # Raises

    `CorpusError` if the file has changed since the run began, and for a Parquet file without text.
    """
    file.check_unchanged()
    started = time.perf_counter()
    source = open_lines(file, text_column)
    lines: List[Line] = []
    number, first_line, position, size = 0, 1, 0, 0

    def cut(last: bool) -> Iterator[ShardLines]:
        nonlocal lines, number, first_line, position, size, started
        end = file.size if last else max(position, min(source.position(), file.size))
        if number not in done:
            shard = Shard(index, number, first_line, len(lines), end - position, last)
            seconds = time.perf_counter() - started
            yield _shard_lines(shard, lines, seconds)
            # Not what whoever takes the shard does meanwhile.
            started = time.perf_counter()
        number, first_line, position, size = number + 1, first_line + len(lines), end, 0
        lines = []

    with source:
        for line in source:
            # Only now is it known that the last shard was not the file's last.
            if len(lines) == lines_per_shard or size >= MAX_SHARD_BYTES:
                yield from cut(last=False)
            lines.append(line)
            size += len(line) if isinstance(line, bytes) else 0
    # Before the last shard, without which the file is not done.
    file.check_unchanged()
    yield from cut(last=True)


def _shard_lines(shard: Shard, lines: List[Line], seconds: float) -> ShardLines:
    readable = [line if isinstance(line, bytes) else b"" for line in lines]
    unreadable = {
        index: line.reason for index, line in enumerate(lines) if isinstance(line, Unreadable)
    }
    return ShardLines(shard, readable, unreadable, seconds)
