"""From documents to entities, by whatever scores the spans: a trained model or an exported one."""

from typing import Dict, Iterable, Iterator, List, Protocol, Sequence

from sept_runtime.documents import Document, Prediction
from sept_runtime.inference.batching import batches, blocks, num_words
from sept_runtime.options import Decoding

# How many batches' worth of documents are read ahead and sorted by length.
_BATCHES_AHEAD = 16


class SpanPredictor(Protocol):
    """What finds the entities (and relations, if it knows any) of a batch of documents."""

    @property
    def max_batch_words(self) -> int:
        """How many words a batch should have at most, padding included."""

    @property
    def labels(self) -> Sequence[str]:
        """Return the labels of entities."""

    @property
    def finds_relations(self) -> bool:
        """Tell whether predictions have relations, if only an empty list; otherwise `None`."""

    def predict_batch(self, documents: Sequence[Document], decoding: Decoding) -> List[Prediction]:
        """
        For each document what is predicted. What is asked for with one `decoding`, or in one
        thread, has no influence on what is asked for with another or in another.

        # Parameters

        documents : `Sequence[Document]`
            One or more, each with at least one word.
        decoding : `Decoding`
        """


def predict(
    predictor: SpanPredictor,
    documents: Iterable[Document],
    decoding: Decoding,
    batch_size: int = 32,
) -> Iterator[Prediction]:
    """
    For each of any number of documents what is predicted, in order. Documents are read ahead a
    bounded number at a time, and those of like length share a batch. In one without a word there
    is nothing.

    # Parameters

    predictor : `SpanPredictor`
    documents : `Iterable[Document]`
        Their annotation, if there is one, does not matter.
    decoding : `Decoding`
    batch_size : `int`, optional (default = `32`)
    """
    nothing = Prediction([], [] if predictor.finds_relations else None)
    for block in blocks(documents, batch_size * _BATCHES_AHEAD):
        lengths = [num_words(document) for document in block]
        predictions: Dict[int, Prediction] = {}
        for batch in batches(lengths, batch_size, predictor.max_batch_words):
            with_words = [index for index in batch if lengths[index]]
            if with_words:
                found = predictor.predict_batch([block[index] for index in with_words], decoding)
                predictions.update(zip(with_words, found))
        yield from (predictions.get(index, nothing) for index in range(len(block)))
