"""Worker processes that run peers in their environments."""

import json
import os
import subprocess
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# SEPT's archive in the folder of a training.
ARCHIVE = Path("run") / "model.tar.gz"


@dataclass(frozen=True)
class PeerInfo:
    """
    # Parameters

    name : `str`
        That of its module here, of its environment and of its requirements.
    title, unit : `str`
        For the table: what it is, and the text that it is trained on and given at once.
    packages : `Tuple[str, ...]`
        Whose versions the table says.
    span_based : `bool`
    epochs : `int`, optional
        As its documentation recommends.
    why_no_epochs : `str`, optional
        For the table.
    trained_by : `str`, optional
        The peer whose trained models it runs, exported; it trains none itself.
    """

    name: str
    title: str
    unit: str
    packages: Tuple[str, ...]
    span_based: bool
    epochs: Optional[int]
    why_no_epochs: str = ""
    trained_by: str = ""


OURS = PeerInfo(
    name="sept",
    title="SEPT (ours)",
    unit="abstract",
    packages=("allennlp", "transformers", "torch"),
    span_based=True,
    epochs=20,
)
PEERS = (
    PeerInfo(
        name="sept_exported",
        title="SEPT, exported (ours)",
        unit="abstract",
        packages=("onnxruntime", "tokenizers", "numpy"),
        span_based=True,
        epochs=OURS.epochs,
        trained_by=OURS.name,
    ),
    PeerInfo(
        name="token_classification",
        title="Hugging Face token classification",
        unit="sentence",
        packages=("transformers", "torch"),
        span_based=False,
        epochs=3,
    ),
    PeerInfo(
        name="span_marker",
        title="SpanMarker",
        unit="sentence",
        packages=("span-marker", "transformers", "torch"),
        span_based=True,
        epochs=3,
    ),
    PeerInfo(
        name="spancat",
        title="spaCy spancat",
        unit="abstract",
        packages=("spacy", "spacy-transformers", "transformers", "torch"),
        span_based=True,
        epochs=None,
        why_no_epochs="left out: up to 20000 updates, hundreds of epochs",
    ),
    PeerInfo(
        name="gliner",
        title="GLiNER",
        unit="abstract",
        packages=("gliner", "transformers", "torch"),
        span_based=True,
        epochs=None,
        why_no_epochs="left out: 10000 updates, hundreds of epochs",
    ),
)
# Not a peer, but the work that all of them must do.
ENCODER = PeerInfo(
    name="encoder",
    title="the encoder alone",
    unit="abstract",
    packages=(),
    span_based=False,
    epochs=None,
)


class Worker:
    """
    A peer in its own process, from its start to `close` or the end of a `with` block.

    # Parameters

    peer : `PeerInfo`
    python : `Path`
        Of its environment.
    log : `Path`
        Gets what the peer prints.
    """

    def __init__(self, peer: PeerInfo, python: Path, log: Path) -> None:
        self._name = peer.name
        # All run on the CPU.
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
        if peer not in (OURS, ENCODER):
            # Our packages must not enter a peer's environment. It runs in our folder, but imports
            # only these modules from there.
            environment.pop("PYTHONPATH", None)
        with log.open("a", encoding="utf-8") as errors:
            self._process = subprocess.Popen(
                [str(python), "-m", f"{__package__}.{peer.name}"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
                text=True,
            )

    def ask(self, command: str, **arguments: Any) -> Dict[str, Any]:
        """
        Send a command and return the answer.

        `ChildProcessError` if the peer ends instead of answering.
        """
        try:
            self._process.stdin.write(json.dumps({"command": command, **arguments}) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise ChildProcessError(f"{self._name} failed at '{command}'")
        return json.loads(answer)

    def close(self) -> None:
        # Closing flushes a command that a dead worker did not read.
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *exception: Any) -> None:
        # The worker may be dead, and its pipe closed.
        with ExitStack() as ending:
            ending.callback(self._process.wait)
            ending.callback(self._process.kill)
            if exception[0] is None:
                self.close()


def cold_start(peer: PeerInfo, python: Path, log: Path, folder: str, text: str) -> float:
    """Return the seconds from the start of a new process to the entities of one abstract."""
    start = time.perf_counter()
    with Worker(peer, python, log) as worker:
        worker.ask("load", folder=folder)
        worker.ask("predict", texts=[text], batch_size=1)
        return time.perf_counter() - start
