from itertools import accumulate
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from sept_runtime.decoding import Decoding, decode, soft_annotation
from sept_runtime.documents import Document, Prediction
from sept_runtime.engines import ENGINES, PRECISIONS
from sept_runtime.errors import ExportedModelError
from sept_runtime.exported.candidates import Candidates, enumerate_candidates
from sept_runtime.exported.configuration import Network
from sept_runtime.exported.fields import FloatArray
from sept_runtime.exported.folder import TOKENIZER, member, read_folder
from sept_runtime.exported.graph import Graph
from sept_runtime.exported.sessions import find_engine
from sept_runtime.exported.windows import Encode
from sept_runtime.processors import usable_cores
from sept_runtime.word_pieces import WordPieces

# The padding included. As for a trained model on a CPU: the cores are busy with so few, and
# activations stay in their cache.
_MAX_BATCH_WORDS = 2_048

# The vectors of so many spans are looked up in one part of the sequence, which bounds the memory
# that a very long document takes.
_SPANS_PER_CHUNK = 65_536


class ScoredCandidates(NamedTuple):
    """
    # Parameters

    spans : `NDArray[np.int64]`
        Shape `(num_spans, 2)`: first and last word in the document, both inclusive.
    probabilities : `FloatArray`
        Shape `(num_spans, 1 + num_labels)`; "no entity" comes first.
    """

    spans: NDArray[np.int64]
    probabilities: FloatArray


class _Pieces(NamedTuple):
    """
    The word pieces of a batch of documents.

    # Parameters

    documents : `List[List[int]]`
    firsts, lasts : `NDArray[np.int64]`
        Shape `(number of words in the batch,)`: each word's first and last piece, counted over all
        documents.
    """

    documents: List[List[int]]
    firsts: NDArray[np.int64]
    lasts: NDArray[np.int64]


class ExportedPredictor:
    """
    The `SpanPredictor` of a folder that `allennlp sept-export` has written. Threads may share it.
    A process that is forked from this one must load its own.

    # Parameters

    folder : `Path`
    threads : `int`, optional (default = as many as there are cores to use)
    engine, precision : `str`, optional (default = `"onnxruntime"`, `"float32"`)
        What runs the graphs, and in which numbers, of those that `sept_runtime.engines` names.

    # Raises

    `ExportedModelError` if there is none, or it is not one to load, or the engine is not installed
    or cannot do that here; the message says why. `ValueError` for options that are none.
    """

    finds_relations = False

    def __init__(
        self,
        folder: Path,
        threads: Optional[int] = None,
        engine: str = ENGINES[0],
        precision: str = PRECISIONS[0],
    ) -> None:
        if threads is not None and threads < 1:
            raise ValueError(f"threads must be at least 1: {threads}")
        open_session = find_engine(engine, precision, threads or usable_cores())
        self._configuration = configuration = read_folder(folder)
        self._graphs: Dict[str, Graph] = {
            name: Graph(member(folder, name), signature, open_session)
            for name, signature in configuration.graphs.items()
        }
        self._pieces = WordPieces(_tokenizer(folder), configuration.unknown_piece)

    @property
    def decoding(self) -> Decoding:
        """The model's own."""
        return self._configuration.decoding

    @property
    def labels(self) -> List[str]:
        """In the order of the scores that follow the one of "no entity"."""
        return self._configuration.labels

    @property
    def max_batch_words(self) -> int:
        """As for `SpanPredictor`."""
        return _MAX_BATCH_WORDS

    def predict_batch(self, documents: Sequence[Document], decoding: Decoding) -> List[Prediction]:
        """
        As for `SpanPredictor`.

        # Raises

        `ExportedModelError` if a graph fails.
        """
        return [self._prediction(scored, decoding) for scored in self.score_batch(documents)]

    def score_batch(self, documents: Sequence[Document]) -> List[ScoredCandidates]:
        """For each document the candidates that are classified, and their probabilities."""
        configuration = self._configuration
        pieces = self._split(documents)
        candidates = enumerate_candidates(documents, configuration.max_span_width)
        if configuration.filter is not None:
            scores = self._score(configuration.filter.network, pieces, candidates)
            candidates = candidates.where(scores[:, 0] >= configuration.filter.threshold)
        probabilities = _softmax(self._score(configuration.model, pieces, candidates))

        lengths = [sum(map(len, document.sentences)) for document in documents]
        first_words = np.array([0, *accumulate(lengths)])
        spans = np.stack([candidates.starts, candidates.ends], axis=1)
        spans -= first_words[candidates.documents, None]
        borders = np.searchsorted(candidates.documents, np.arange(1, len(documents)))
        return list(
            map(ScoredCandidates, np.split(spans, borders), np.split(probabilities, borders))
        )

    def _prediction(self, scored: ScoredCandidates, decoding: Decoding) -> Prediction:
        spans, probabilities = scored
        soft = None
        if decoding.soft_labels is not None:
            soft = soft_annotation(probabilities, spans, self.labels, decoding.soft_labels)
        return Prediction(decode(probabilities, spans, self.labels, decoding), soft=soft)

    def _split(self, documents: Sequence[Document]) -> _Pieces:
        split = [self._pieces.split(document.words) for document in documents]
        counts = np.concatenate([np.array(counts, np.int64) for _, counts in split])
        ends = counts.cumsum()
        return _Pieces([pieces for pieces, _ in split], ends - counts, ends - 1)

    def _score(self, network: Network, pieces: _Pieces, candidates: Candidates) -> FloatArray:
        """Shape `(num_spans, num_scores)`."""
        scorer = network.scorer
        scores = np.empty((len(candidates.starts), scorer.num_scores), np.float32)
        if not len(scores):
            return scores
        # Shape: (number of pieces in the batch, dim)
        vectors = network.windows.encode(
            self._encode(network.graph),
            scorer.input_dim,
            pieces.documents,
            self._graphs[network.graph].length_step,
        )
        for first in range(0, len(scores), _SPANS_PER_CHUNK):
            chunk = slice(first, first + _SPANS_PER_CHUNK)
            starts = pieces.firsts[candidates.starts[chunk]]
            ends = pieces.lasts[candidates.ends[chunk]]
            widths = candidates.ends[chunk] - candidates.starts[chunk] + 1
            # They are in order, but a span may end behind where the last one does.
            stretch = vectors[starts[0] : ends.max() + 1]
            widest = int((ends - starts).max()) + 1
            score = scorer.over(self._graphs, stretch, widest)
            scores[chunk] = score(starts - starts[0], ends - starts[0], widths)
        return scores

    def _encode(self, graph: str) -> Encode:
        return lambda pieces, mask: self._graphs[graph](input_ids=pieces, attention_mask=mask)


def _tokenizer(folder: Path) -> Any:
    # Only now: what does not predict needs none.
    import tokenizers

    path = member(folder, TOKENIZER)
    try:
        return tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:
        raise ExportedModelError(
            f"{path}: cannot be loaded ({error}); export the model again"
        ) from None


def _softmax(logits: FloatArray) -> FloatArray:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: FloatArray = exponentials / exponentials.sum(axis=1, keepdims=True)
    return result
