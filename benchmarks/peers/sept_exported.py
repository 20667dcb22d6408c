"""
The exported model of SEPT, run by `sept_runtime` in an environment without PyTorch: ONNX Runtime,
float32. The model is what `allennlp sept-export` makes of SEPT's archive.

A text is a whole abstract.
"""

from pathlib import Path
from typing import Iterator, List

import sept_runtime
from benchmarks.peers.corpus import Entity
from benchmarks.peers.peer import Peer, Trained, Training, serve


class SeptExported(Peer):
    def train(self, training: Training) -> Trained:
        raise NotImplementedError("an exported model was trained before: by 'sept'")

    def load(self, folder: Path) -> None:
        self._annotator = sept_runtime.load(folder)

    def predict(self, texts: List[str], batch_size: int) -> Iterator[List[Entity]]:
        """A batch is of abstracts."""
        for entities in self._annotator.annotate(texts, batch_size):
            yield [Entity(entity.start, entity.end, entity.label) for entity in entities]


if __name__ == "__main__":
    serve(SeptExported())
