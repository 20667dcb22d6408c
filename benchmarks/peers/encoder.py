"""
The encoder alone, run by transformers in our environment. Times relative to it can be compared
between machines. It finds no entities.
"""

from pathlib import Path
from typing import Iterator, List

import torch
from transformers import AutoModel, AutoTokenizer

from benchmarks.peers.corpus import Entity
from benchmarks.peers.peer import Peer, Trained, Training, serve


class Encoder(Peer):
    def train(self, training: Training) -> Trained:
        raise NotImplementedError("the encoder alone is not trained")

    def load(self, folder: Path) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._model = AutoModel.from_pretrained(folder).eval()

    def predict(self, texts: List[str], batch_size: int) -> Iterator[List[Entity]]:
        """Encode batches of abstracts, each truncated to 512 word pieces."""
        for first in range(0, len(texts), batch_size):
            batch = texts[first : first + batch_size]
            pieces = self._tokenizer(batch, truncation=True, padding=True, return_tensors="pt")
            with torch.inference_mode():
                self._model(**pieces)
            yield from [[] for _ in batch]


if __name__ == "__main__":
    serve(Encoder())
