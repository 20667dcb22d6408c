"""Cut input files into shards, the units of annotation."""

import time
from dataclasses import dataclass, field
from typing import Collection, Dict, Iterator, List, Optional

from sept_runtime.corpus.formats import Line, Lines, Unreadable
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
        Counted from 1. In other files than JSON lines, a record counts as a line.
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
        Lines of JSON without line ends; empty where a line could not be read.
    unreadable : `Dict[int, str]`, optional
        The reasons why lines could not be read, by index in `lines`.
    seconds : `float`, optional
        The time that reading took.
    format : `str`, optional (default = `"jsonl"`)
        The format of the file.
    numbers : `List[int]`, optional
        The numbers that messages name the lines by (default = as counted from `first_line`).
    """

    shard: Shard
    lines: List[bytes]
    unreadable: Dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0
    format: str = "jsonl"
    numbers: List[int] = field(default_factory=list)

    def number(self, index: int) -> int:
        """Return the number that messages name a line by."""
        return self.numbers[index] if self.numbers else self.shard.first_line + index


def read_shards(
    file: InputFile,
    index: int,
    lines_per_shard: int,
    done: Collection[int] = (),
    format: Optional[str] = None,
    one_per_line: bool = False,
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
    format, one_per_line :
        As for `Lines`.

    # Raises

    `CorpusError` if the file has changed since the run began, or needs a package to be read.
    """
    file.check_unchanged()
    started = time.perf_counter()
    source = Lines(file, format, one_per_line)
    lines: List[Line] = []
    number, first_line, position, size = 0, 1, 0, 0

    def cut(last: bool) -> Iterator[ShardLines]:
        nonlocal lines, number, first_line, position, size, started
        end = file.size if last else max(position, min(source.position(), file.size))
        if number not in done:
            shard = Shard(index, number, first_line, len(lines), end - position, last)
            seconds = time.perf_counter() - started
            yield _shard_lines(shard, lines, seconds, source.format)
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
            size += len(line.content) if isinstance(line.content, bytes) else 0
    # Before the last shard, without which the file is not finished.
    file.check_unchanged()
    yield from cut(last=True)


def _shard_lines(shard: Shard, lines: List[Line], seconds: float, format: str) -> ShardLines:
    readable = [line.content if isinstance(line.content, bytes) else b"" for line in lines]
    unreadable = {
        index: line.content.reason
        for index, line in enumerate(lines)
        if isinstance(line.content, Unreadable)
    }
    numbers = [] if format == "jsonl" else [line.number for line in lines]
    return ShardLines(shard, readable, unreadable, seconds, format, numbers)
