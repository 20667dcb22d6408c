"""What is known of the shards that are done."""

import json
from dataclasses import asdict, dataclass
from typing import Dict, List, NamedTuple, Optional, Sequence, Set

from sept_runtime.corpus.shards import Shard


@dataclass(frozen=True)
class ShardRecord:
    """
    The record of a shard that is done.

    # Parameters

    shard : `Shard`
    annotated, failed : `int`
        How many documents its files of annotations and of errors hold.
    shard_bytes, error_bytes : `int`
        The sizes of these files.
    seconds : `Dict[str, float]`
        How long "reading", "annotating" and "writing" took, and "processor": of its cores' time
        that a worker had for the last two. Records of earlier versions lack the last.
    started : `float`
        When prediction began, in seconds since 1970.
    """

    shard: Shard
    annotated: int
    failed: int
    shard_bytes: int
    error_bytes: int
    seconds: Dict[str, float]
    started: float

    def to_json(self) -> str:
        """Writes the record as it is kept in the output folder, an object on one line."""
        # The first version called a shard a "unit", and a run that it began can be gone on with.
        fields = asdict(self)
        return json.dumps({"unit": fields.pop("shard"), **fields})

    @classmethod
    def from_json(cls, text: str) -> "ShardRecord":
        """Reads what `to_json` has written, in this or an earlier version."""
        fields = json.loads(text)
        return cls(Shard(**fields.pop("unit")), **fields)


class Counts(NamedTuple):
    """How many lines went in, and what came out."""

    read: int
    annotated: int
    failed: int
    shards: int

    def __str__(self) -> str:
        return f"{self.read:,} lines in = {self.annotated:,} annotated + {self.failed:,} failed"


def finished_shards(done: Sequence[ShardRecord], num_files: int) -> List[Optional[Set[int]]]:
    """Gives for each file the numbers of its shards that are done; `None` if all of them are."""
    finished: List[Optional[Set[int]]] = []
    by_file: List[Dict[int, Shard]] = [{} for _ in range(num_files)]
    for record in done:
        by_file[record.shard.file][record.shard.number] = record.shard
    for shards in by_file:
        complete = bool(shards) and shards[max(shards)].last and len(shards) == max(shards) + 1
        finished.append(None if complete else {*shards})
    return finished
