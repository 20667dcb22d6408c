"""Predict the entities of documents by a trained or an exported model."""

from typing import Dict, Iterable, Iterator, List, Protocol, Sequence

from sept_runtime.documents import Document, Prediction
from sept_runtime.formats.blank_words import with_blank_words, without_blank_words
from sept_runtime.inference.batching import batches, blocks, num_words
from sept_runtime.options import Decoding

# How many batches' worth of documents are read ahead and sorted by length.
_BATCHES_AHEAD = 16


class SpanPredictor(Protocol):
    """A model that predicts the entities, and possibly relations, of a batch of documents."""

    @property
    def max_batch_words(self) -> int:
        """Return how many words a batch should have at most, padding included."""

    @property
    def labels(self) -> Sequence[str]:
        """Return the labels of entities."""

    @property
    def finds_relations(self) -> bool:
        """Tell whether predictions have relations, if only an empty list; otherwise `None`."""

    def predict_batch(self, documents: Sequence[Document], decoding: Decoding) -> List[Prediction]:
        """
        Return a prediction for each document.

        Calls with another `decoding` or in another thread do not influence each other.

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
    isolate_failures: bool = False,
) -> Iterator[Prediction]:
    """
    Yield a prediction for each of any number of documents, in order.

    Documents are read ahead, a bounded number at a time, and those of similar length share a batch.
    A document without words gets an empty prediction.

    # Parameters

    predictor : `SpanPredictor`
    documents : `Iterable[Document]`
        Their annotation, if any, does not matter.
    decoding : `Decoding`
    batch_size : `int`, optional (default = `32`)
    isolate_failures : `bool`, optional (default = `False`)
        Whether a document that the model fails on gets a prediction with an `error`, and costs no
        other document its own. Otherwise the model's exception is raised.
    """
    nothing = Prediction([], [] if predictor.finds_relations else None)
    for block in blocks(documents, batch_size * _BATCHES_AHEAD):
        lengths = [num_words(document) for document in block]
        predictions: Dict[int, Prediction] = {}
        for batch in batches(lengths, batch_size, predictor.max_batch_words):
            # Models know no blank words, and no entity is to start or end at one.
            visible = {index: without_blank_words(block[index]) for index in batch}
            with_words = [index for index in batch if visible[index][0].words]
            if with_words:
                documents_of_batch = [visible[index][0] for index in with_words]
                if isolate_failures:
                    found = _predict_in_isolation(predictor, documents_of_batch, decoding)
                else:
                    found = predictor.predict_batch(documents_of_batch, decoding)
                for index, prediction in zip(with_words, found):
                    kept = visible[index][1]
                    predictions[index] = (
                        prediction
                        if kept is None or prediction.error is not None
                        else with_blank_words(prediction, kept)
                    )
        yield from (predictions.get(index, nothing) for index in range(len(block)))


def _predict_in_isolation(
    predictor: SpanPredictor, documents: Sequence[Document], decoding: Decoding
) -> List[Prediction]:
    """Predict a batch, and if that fails, its documents one by one."""
    try:
        return predictor.predict_batch(documents, decoding)
    except Exception as error:
        if len(documents) == 1:
            reason = str(error).strip().split("\n")[0]
            return [Prediction([], error=f"the model failed: {type(error).__name__}: {reason}")]
    return [
        prediction
        for document in documents
        for prediction in _predict_in_isolation(predictor, [document], decoding)
    ]
