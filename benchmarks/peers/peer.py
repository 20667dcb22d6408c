"""
The interface of a peer, which runs in its own environment and process: JSON lines in, JSON lines
out. Uses only the standard library.
"""

import json
import os
import sys
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional

from benchmarks.peers.corpus import Abstract, Entity, read_abstracts


@dataclass(frozen=True)
class Training:
    """
    # Parameters

    abstracts : `List[Abstract]`
    encoder : `str`
        The folder of the pre-trained encoder.
    folder : `Path`
        Where the model goes; there, and empty.
    epochs : `float`
        How often the abstracts are seen; learning rates fall to their end over it.
    deadline : `float`, optional
        The `time.monotonic()` at which to stop, finished or not.
    seed : `int`
    """

    abstracts: List[Abstract]
    encoder: str
    folder: Path
    epochs: float
    deadline: Optional[float]
    seed: int


@dataclass(frozen=True)
class Trained:
    """
    # Parameters

    epochs : `float`
        How often the abstracts were seen, which the deadline may have cut short.
    seconds : `float`
        What the updates took, without preparing the model before and saving it after.
    """

    epochs: float
    seconds: float


class Peer(ABC):
    """A system that is trained on annotated abstracts and finds entities in raw ones."""

    @abstractmethod
    def train(self, training: Training) -> Trained:
        """Train with the peer's recommended settings and save a model."""

    @abstractmethod
    def load(self, folder: Path) -> None:
        """Load a model that `train` saved."""

    @abstractmethod
    def predict(self, texts: List[str], batch_size: int) -> Iterable[List[Entity]]:
        """Find the entities of each text. A peer decides what a batch holds."""


def serve(peer: Peer) -> None:
    """
    Answer commands until there are no more. Output of libraries is redirected to stderr, because
    answers use stdout.
    """
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    commands = {"train": train, "load": load, "predict": predict}
    for line in sys.stdin:
        request: Dict[str, Any] = json.loads(line)
        answer = commands[request.pop("command")](peer, **request)
        print(json.dumps(answer), file=answers, flush=True)


def train(
    peer: Peer,
    data: str,
    encoder: str,
    folder: str,
    epochs: float,
    abstracts: Optional[int],
    seconds: Optional[float],
    seed: int,
) -> Dict[str, Any]:
    """
    Train on the first abstracts of a file. The time begins with annotated abstracts in memory and
    ends with a saved model.
    """
    documents = read_abstracts(Path(data))[:abstracts]
    Path(folder).mkdir(parents=True)
    start = time.monotonic()
    deadline = None if seconds is None else start + seconds
    trained = peer.train(Training(documents, encoder, Path(folder), epochs, deadline, seed))
    return {
        "epochs": trained.epochs,
        "update_seconds": trained.seconds,
        "seconds": time.monotonic() - start,
        "abstracts": len(documents),
    }


def load(peer: Peer, folder: str) -> Dict[str, Any]:
    peer.load(Path(folder))
    return {}


def predict(peer: Peer, texts: List[str], batch_size: int) -> Dict[str, Any]:
    reset_peak_memory()
    start = time.perf_counter()
    entities = list(peer.predict(texts, batch_size))
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "peak_mb": peak_memory_mb(), "entities": entities}


def reset_peak_memory() -> None:
    """Reset the peak of the memory (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_memory_mb() -> float:
    """Return the peak of the process's resident memory, including libraries and model."""
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "VmHWM":
            return int(value.split()[0]) / 2**10
    raise OSError("/proc/self/status does not say VmHWM")
