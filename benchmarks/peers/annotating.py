"""What both of ours have in common. Imports neither PyTorch nor AllenNLP."""

from typing import Iterator, List

from benchmarks.peers.corpus import Entity
from benchmarks.peers.peer import Peer
from sept_runtime.inference.annotator import Annotator


class Annotating(Peer):
    """Predicts by an `Annotator`, which `load` puts into `_annotator`."""

    _annotator: Annotator

    def predict(self, texts: List[str], batch_size: int) -> Iterator[List[Entity]]:
        """A batch is of abstracts."""
        for entities in self._annotator.annotate(texts, batch_size):
            yield [Entity(entity.start, entity.end, entity.label) for entity in entities]
