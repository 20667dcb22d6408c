"""
Measure how fast raw text is split into sentences and words in one process, in processor time, and
how much its memory grows. Prints one JSON object.
"""

import argparse
import gzip
import json
import resource
import statistics
import time
from pathlib import Path
from typing import Any, Dict, List

from sept_runtime.tokenization import tokenize


def read_texts(path: Path) -> List[str]:
    """Return the `text` of each line of a JSONL file."""
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]


def seconds(texts: List[str]) -> float:
    started = time.process_time()
    for text in texts:
        tokenize(text)
    return time.process_time() - started


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def measure(texts: List[str], repeats: int) -> Dict[str, Any]:
    characters = sum(map(len, texts))
    before = peak_megabytes()
    # Only the first pass runs with an empty cache of chunks.
    speeds = [characters / seconds(texts) for _ in range(repeats)]
    grown = peak_megabytes() - before
    return {
        "texts": len(texts),
        "characters": characters,
        "words": sum(len(tokenize(text).offsets) for text in texts),
        "characters_a_second": {
            "first": speeds[0],
            "lowest": min(speeds),
            "median": statistics.median(speeds),
            "highest": max(speeds),
        },
        "memory_grown_mb": grown,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("texts", type=Path, help="a file of JSON lines with a 'text', plain or .gz")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    print(json.dumps(measure(read_texts(arguments.texts), arguments.repeats)))


if __name__ == "__main__":
    main()
