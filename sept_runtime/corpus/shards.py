"""Cut input files into shards, the units of annotation."""

import time
from dataclasses import dataclass, field
from typing import Collection, Dict, Iterator, List, Optional

from sept_runtime.corpus.formats import Line, Unreadable, open_lines
from sept_runtime.corpus.inputs import InputFile

# A shard ends early when its lines have this many bytes, so that it fits into memory.
MAX_SHARD_BYTES = 32 * 2**20


@dataclass(frozen=True)
class Shard:
    """
    Successive lines of one input file. A worker annotates them together, into one output file.

    # Parameters

    file : `int`
        The file's index among the inputs.
    number : `int`
        The shard's index in its file.
    first_line : `int`
        Counted from 1. In a Parquet file, a row counts as a line.
    num_lines : `int`
    num_bytes : `int`
        Its share of the file's size on the disk; approximate if the file is compressed.
    last : `bool`
        Whether the file ends with it. Every file has a last shard; that of an empty file has no
        lines.
    """

    file: int
    number: int
    first_line: int
    num_lines: int
    num_bytes: int
    last: bool

    @property
    def name(self) -> str:
        """Return the stem of its files' names. Names sort in the order of the input."""
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
        The reasons why lines could not be read, by index in `lines`.
    seconds : `float`, optional
        The time that reading took.
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
    Read the shards of a file lazily and in order.

    If a file is damaged or ends too early, one unreadable line stands for everything that cannot be
    read.

    # Parameters

    file : `InputFile`
    index : `int`
        Its index among the inputs.
    lines_per_shard : `int`
    done : `Collection[int]`, optional
        The numbers of shards to skip.
    text_column : `str`, optional (default = `"text"`)
        The column of a Parquet file that has the raw text.

    # Raises

    `CorpusError` if the file has changed since the run began, or is a Parquet file without text.
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
            # Without the time that the caller took.
            started = time.perf_counter()
        number, first_line, position, size = number + 1, first_line + len(lines), end, 0
        lines = []

    with source:
        for line in source:
            # Cut only now, when it is known that the file goes on.
            if len(lines) == lines_per_shard or size >= MAX_SHARD_BYTES:
                yield from cut(last=False)
            lines.append(line)
            size += len(line) if isinstance(line, bytes) else 0
    # Before the last shard, without which the file is not finished.
    file.check_unchanged()
    yield from cut(last=True)


def _shard_lines(shard: Shard, lines: List[Line], seconds: float) -> ShardLines:
    readable = [line if isinstance(line, bytes) else b"" for line in lines]
    unreadable = {
        index: line.reason for index, line in enumerate(lines) if isinstance(line, Unreadable)
    }
    return ShardLines(shard, readable, unreadable, seconds)
