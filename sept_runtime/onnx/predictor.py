from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from sept_runtime.cpu import usable_cores
from sept_runtime.decoding import ScoredPairs, decode, soft_annotation
from sept_runtime.documents import Document, Prediction, ScoredSpan
from sept_runtime.errors import ExportedModelError
from sept_runtime.onnx.candidates import Candidates, enumerate_candidates
from sept_runtime.onnx.configuration import Network
from sept_runtime.onnx.fields import FloatArray
from sept_runtime.onnx.folder import member, read_folder, read_word_pieces
from sept_runtime.onnx.graph import Graph
from sept_runtime.onnx.scored_batch import Pieces, ScoredBatch, ScoredCandidates
from sept_runtime.onnx.scorers import PooledScorer
from sept_runtime.onnx.sessions import find_engine
from sept_runtime.options import ENGINES, PRECISIONS, Decoding

# The padding included. As for a trained model on a CPU: the cores are busy with so few, and
# activations stay in their cache.
_MAX_BATCH_WORDS = 2_048

# The vectors of so many spans are looked up in one part of the sequence, which bounds the memory
# that a very long document takes.
_SPANS_PER_CHUNK = 65_536


class ExportedPredictor:
    """
    The `SpanPredictor` of a folder that `allennlp sept-export` has written. Threads may share it.
    A process that is forked from this one must load its own.

    # Parameters

    folder : `Path`
    threads : `int`, optional (default = as many as there are cores to use)
    engine, precision : `str`, optional (default = `"onnxruntime"`, `"float32"`)
        What runs the graphs, and in which numbers, of those that `sept_runtime.options` names.

    # Raises

    `ExportedModelError` if there is none, or it is not one to load, or the engine is not installed
    or cannot do that here; the message says why. `ValueError` for options that are none.
    """

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
        configuration = read_folder(folder).in_precision(precision)
        if configuration is None:
            raise ExportedModelError(
                f"{folder}: has no encoder in {precision}; export the model again, by 'allennlp "
                "sept-export' with --int8 and texts, or take the precision 'float32'"
            )
        self._configuration = configuration
        self._graphs: Dict[str, Graph] = {
            name: Graph(member(folder, name), signature, open_session)
            for name, signature in configuration.graphs.items()
        }
        self._pieces = read_word_pieces(folder, configuration)

    @property
    def decoding(self) -> Decoding:
        """The model's own."""
        return self._configuration.decoding

    @property
    def labels(self) -> List[str]:
        """In the order of the scores that follow the one of "no entity"."""
        return self._configuration.labels

    @property
    def finds_relations(self) -> bool:
        """As for `SpanPredictor`."""
        return self._configuration.relations is not None

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
        scored = self._score_candidates(documents)
        found = [self._prediction(each, decoding) for each in scored.by_document()]
        relations = self._configuration.relations
        if relations is None:
            return found
        pairs = self._score_pairs(scored, [prediction.entities for prediction in found])
        return relations.decoding.predict(found, pairs, decoding)

    def score_batch(self, documents: Sequence[Document]) -> List[ScoredCandidates]:
        """For each document the candidates that are classified, and their probabilities."""
        return self._score_candidates(documents).by_document()

    def score_pairs(
        self, documents: Sequence[Document], spans: Sequence[List[ScoredSpan]]
    ) -> List[ScoredPairs]:
        """
        For each document the probabilities of relations between spans of it, which are among those
        that `score_batch` gives, in order; of a model that finds relations.
        """
        return self._score_pairs(self._score_candidates(documents), spans)

    def _score_candidates(self, documents: Sequence[Document]) -> ScoredBatch:
        configuration = self._configuration
        pieces = self._split(documents)
        candidates = enumerate_candidates(documents, configuration.max_span_width)
        if configuration.filter is not None:
            # The vectors, which are not needed any more, are not held while the model encodes.
            scores = self._score(configuration.filter.network, pieces, candidates)[1]
            candidates = candidates.where(scores[:, 0] >= configuration.filter.threshold)
        vectors, scores = self._score(configuration.model, pieces, candidates)
        return ScoredBatch(documents, pieces, vectors, candidates, _softmax(scores))

    def _prediction(self, scored: ScoredCandidates, decoding: Decoding) -> Prediction:
        spans, probabilities = scored
        soft = None
        if decoding.soft_labels is not None:
            soft = soft_annotation(probabilities, spans, self.labels, decoding.soft_labels)
        return Prediction(decode(probabilities, spans, self.labels, decoding), soft=soft)

    def _score_pairs(
        self, scored: ScoredBatch, entities: Sequence[List[ScoredSpan]]
    ) -> List[ScoredPairs]:
        relations, scorer = self._configuration.relations, self._configuration.model.scorer
        assert relations is not None and isinstance(scorer, PooledScorer)
        places = relations.surest(entities, scored.num_words)
        kept = [[found[place] for place in its] for found, its in zip(entities, places)]
        mentions = scored.mentions(kept)
        pairs, probabilities = relations.score(
            self._graphs, scorer.pooling, scored.vectors, mentions
        )
        # Where each document's mentions begin, and so its pairs.
        borders = np.cumsum(list(map(len, kept)))[:-1]
        borders = np.searchsorted(pairs[:, 0], borders)
        pairs = np.concatenate([np.array(its, np.int64) for its in places])[pairs]
        return list(map(ScoredPairs, np.split(pairs, borders), np.split(probabilities, borders)))

    def _split(self, documents: Sequence[Document]) -> Pieces:
        split = [self._pieces.split(document.words) for document in documents]
        counts = np.concatenate([np.array(counts, np.int64) for _, counts in split])
        ends = counts.cumsum()
        return Pieces([pieces for pieces, _ in split], ends - counts, ends - 1)

    def _score(
        self, network: Network, pieces: Pieces, candidates: Candidates
    ) -> Tuple[FloatArray, FloatArray]:
        """
        The pieces' vectors, of shape `(number of pieces in the batch, dim)` (of none where there is
        no candidate), and the candidates' scores, of shape `(num_spans, num_scores)`.
        """
        scorer, graph = network.scorer, self._graphs[network.graph]
        scores = np.empty((len(candidates.starts), scorer.num_scores), np.float32)
        if not len(scores):
            return np.empty((0, scorer.input_dim), np.float32), scores

        def encode(ids: NDArray[np.int64], mask: NDArray[np.int64]) -> FloatArray:
            return graph(input_ids=ids, attention_mask=mask)

        vectors = network.windows.encode(
            encode, scorer.input_dim, pieces.documents, graph.length_step
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
        return vectors, scores


def _softmax(logits: FloatArray) -> FloatArray:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: FloatArray = exponentials / exponentials.sum(axis=1, keepdims=True)
    return result
