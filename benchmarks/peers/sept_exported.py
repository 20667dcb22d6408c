"""
SEPT's exported model, run by `sept_runtime` in an environment without PyTorch: ONNX Runtime,
float32. `allennlp sept-export` makes it from SEPT's archive.

A text is a whole abstract.
"""

from pathlib import Path

import sept_runtime
from benchmarks.peers.annotating import Annotating
from benchmarks.peers.peer import Trained, Training, serve


class SeptExported(Annotating):
    def train(self, training: Training) -> Trained:
        raise NotImplementedError("the peer 'sept' trains the exported model")

    def load(self, folder: Path) -> None:
        self._annotator = sept_runtime.load(folder)


if __name__ == "__main__":
    serve(SeptExported())
