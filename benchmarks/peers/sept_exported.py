"""
The exported model of SEPT, run by `sept_runtime` in an environment without PyTorch: ONNX Runtime,
float32. The model is what `allennlp sept-export` makes of SEPT's archive.

A text is a whole abstract.
"""

from pathlib import Path

import sept_runtime
from benchmarks.peers.annotating import Annotating
from benchmarks.peers.peer import Trained, Training, serve


class SeptExported(Annotating):
    def train(self, training: Training) -> Trained:
        raise NotImplementedError("an exported model was trained before: by 'sept'")

    def load(self, folder: Path) -> None:
        self._annotator = sept_runtime.load(folder)


if __name__ == "__main__":
    serve(SeptExported())
