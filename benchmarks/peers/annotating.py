"""The base class of SEPT and its export. Imports neither PyTorch nor AllenNLP."""

from typing import Iterator, List

from benchmarks.peers.corpus import Entity
from benchmarks.peers.peer import Peer
from sept_runtime.inference.annotator import Annotator


class Annotating(Peer):
    """Base class of peers that predict with an `Annotator`; `load` sets `_annotator`."""

    _annotator: Annotator

    def predict(self, texts: List[str], batch_size: int) -> Iterator[List[Entity]]:
        """Predict in batches of abstracts."""
        for entities in self._annotator.annotate(texts, batch_size):
            yield [Entity(entity.start, entity.end, entity.label) for entity in entities]
