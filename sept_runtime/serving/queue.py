import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Deque, List, NamedTuple, Sequence, Union

from sept_runtime.documents import Document, Prediction
from sept_runtime.inference.batching import num_words
from sept_runtime.inference.prediction import SpanPredictor, predict
from sept_runtime.options import Decoding

Outcome = Union[Prediction, Exception]


class QueueFullError(Exception):
    """The queue has no room for more documents."""


class QueueCounts(NamedTuple):
    """
    What a `PredictionQueue` has done since it was made.

    # Parameters

    documents, words, batches : `int`
        Documents and words predicted, and how many batches they shared.
    seconds : `float`
        Time spent computing.
    """

    documents: int = 0
    words: int = 0
    batches: int = 0
    seconds: float = 0.0


class _Waiting(NamedTuple):
    document: Document
    decoding: Decoding
    outcome: "asyncio.Future[Outcome]"


class PredictionQueue:
    """
    Documents of all clients on their way through one model.

    One thread computes. Documents that arrive while it is busy share the next batch; a document
    that arrives while it is idle starts at once. A client's documents enter a batch's worth at a
    time, so that a long list does not keep other clients waiting.

    # Parameters

    predictor : `SpanPredictor`
    max_documents : `int`, optional (default = `1024`)
        Documents that may wait or be computed at the same time.
    batch_size : `int`, optional (default = `32`)
        Documents that are computed together.
    """

    def __init__(
        self, predictor: SpanPredictor, max_documents: int = 1024, batch_size: int = 32
    ) -> None:
        self._predictor = predictor
        self._max_documents = max_documents
        self._batch_size = batch_size
        self._waiting: Deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="predict")
        self.counts = QueueCounts()
        self.num_documents = 0

    async def predict(self, documents: Sequence[Document], decoding: Decoding) -> List[Outcome]:
        """
        Predict documents, in order. A document that the model cannot process gives its exception.

        Canceling the call takes the documents that still wait out of the queue.

        # Raises

        `QueueFullError` at once if there is no room for all of the documents.
        """
        if self.num_documents + len(documents) > self._max_documents:
            raise QueueFullError(
                f"the server is busy with {self.num_documents} documents; try again later"
            )
        self.num_documents += len(documents)
        try:
            outcomes: List[Outcome] = []
            for first in range(0, len(documents), self._batch_size):
                chunk = documents[first : first + self._batch_size]
                outcomes += await self._predict_chunk(chunk, decoding)
            return outcomes
        finally:
            self.num_documents -= len(documents)

    async def run(self) -> None:
        """Compute what arrives, until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await self._arrived.wait()
                batch = self._next_batch()
                if not batch:
                    continue
                started = loop.time()
                documents = [waiting.document for waiting in batch]
                outcomes = await loop.run_in_executor(
                    self._thread, self._compute, documents, batch[0].decoding
                )
                self.counts = QueueCounts(
                    self.counts.documents + len(documents),
                    self.counts.words + sum(map(num_words, documents)),
                    self.counts.batches + 1,
                    self.counts.seconds + loop.time() - started,
                )
                for waiting, outcome in zip(batch, outcomes):
                    if not waiting.outcome.done():
                        waiting.outcome.set_result(outcome)
        finally:
            self._thread.shutdown(wait=False)

    async def _predict_chunk(
        self, documents: Sequence[Document], decoding: Decoding
    ) -> List[Outcome]:
        loop = asyncio.get_running_loop()
        chunk = [_Waiting(document, decoding, loop.create_future()) for document in documents]
        self._waiting.extend(chunk)
        self._arrived.set()
        # If the caller is cancelled, so are these futures, and `_next_batch` leaves them out.
        return list(await asyncio.gather(*(waiting.outcome for waiting in chunk)))

    def _next_batch(self) -> List[_Waiting]:
        batch: List[_Waiting] = []
        while self._waiting and len(batch) < self._batch_size:
            if not self._waiting[0].outcome.cancelled():
                if batch and self._waiting[0].decoding != batch[0].decoding:
                    break
                batch.append(self._waiting[0])
            self._waiting.popleft()
        if not self._waiting:
            self._arrived.clear()
        return batch

    def _compute(self, documents: Sequence[Document], decoding: Decoding) -> List[Outcome]:
        try:
            return list(predict(self._predictor, documents, decoding, self._batch_size))
        except Exception as error:
            if len(documents) == 1:
                return [error]
        # One bad document must not fail the others.
        return [self._compute([document], decoding)[0] for document in documents]
