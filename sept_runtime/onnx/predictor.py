from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np
from typing_extensions import override

from sept_runtime.calibration import Calibration
from sept_runtime.cpu import usable_cores
from sept_runtime.decoding import ScoredPairs, decode, soft_annotation, top_scoring_entities
from sept_runtime.documents import Document, Prediction, ScoredSpan
from sept_runtime.errors import ExportedModelError, training_command
from sept_runtime.inference.prediction import SpanPredictor
from sept_runtime.onnx.candidates import Candidates, enumerate_candidates, sentence_pairs
from sept_runtime.onnx.configuration import Network
from sept_runtime.onnx.folder import member, read_folder, read_word_pieces
from sept_runtime.onnx.graph import FloatArray, Graph, Indices
from sept_runtime.onnx.heads import score_pairs, score_spans
from sept_runtime.onnx.scored_batch import Pieces, ScoredBatch, ScoredCandidates
from sept_runtime.onnx.sessions import find_engine
from sept_runtime.options import ENGINES, PRECISIONS, Decoding

# With padding. As for a trained model on a CPU, this many words keep the cores busy, and
# activations stay in their caches.
_MAX_BATCH_WORDS = 2_048


class ExportedPredictor(SpanPredictor):
    """
    The `SpanPredictor` of a folder that `allennlp sept-export` wrote.

    Threads may share it; a process that is forked from this one must load its own.

    # Parameters

    folder : `Path`
    threads : `int`, optional (default = the number of usable cores)
    engine, precision : `str`, optional (default = `"onnxruntime"`, `"float32"`)
        One of `sept_runtime.options` each: what runs the graphs, and in which precision.

    # Raises

    `ExportedModelError` if the folder has no valid model, or if the engine is not installed or
    lacks the precision. `ValueError` for unknown options.
    """

    def __init__(
        self,
        folder: Path,
        threads: Optional[int] = None,
        engine: str = ENGINES[0],
        precision: str = PRECISIONS[0],
    ) -> None:
        if threads is not None and threads < 1:
            raise ValueError(f"threads must be at least 1, got {threads}")
        open_session = find_engine(engine, precision, threads or usable_cores())
        configuration = read_folder(folder).in_precision(precision)
        if configuration is None:
            raise ExportedModelError(
                f"{folder}: has no encoder in {precision}; use the precision 'float32', or export "
                f"the model again {training_command('sept-export --int8 TEXTS')}"
            )
        self._configuration = configuration
        self._graphs: Dict[str, Graph] = {
            name: Graph(member(folder, name), signature, open_session)
            for name, signature in configuration.graphs.items()
        }
        self._pieces = read_word_pieces(folder, configuration)

    @property
    def decoding(self) -> Decoding:
        """Return the decoding that the model was configured with."""
        return self._configuration.decoding

    @property
    def calibration(self) -> Calibration:
        """Return the calibration of the scores of entities."""
        return self._configuration.calibration

    @property
    def labels(self) -> List[str]:
        """Return the labels in the order of the scores that follow the one of "no entity"."""
        return self._configuration.labels

    @property
    @override
    def finds_relations(self) -> bool:
        return self._configuration.relations is not None

    @property
    @override
    def max_batch_words(self) -> int:
        return _MAX_BATCH_WORDS

    @override
    def predict_batch(self, documents: Sequence[Document], decoding: Decoding) -> List[Prediction]:
        scored = self._score_candidates(documents)
        found = [self._prediction(each, decoding) for each in scored.by_document()]
        relations = self._configuration.relations
        if relations is None:
            return found
        pairs = self._score_pairs(scored, [prediction.entities for prediction in found])
        return relations.decoding.predict(found, pairs, decoding)

    def score_batch(self, documents: Sequence[Document]) -> List[ScoredCandidates]:
        """Return each document's candidates that pass the filter, and their probabilities."""
        return self._score_candidates(documents).by_document()

    def score_pairs(
        self, documents: Sequence[Document], spans: Sequence[List[ScoredSpan]]
    ) -> List[ScoredPairs]:
        """
        Return the probabilities of relations between spans of each document, given in order.

        Only for models that find relations.
        """
        return self._score_pairs(self._score_candidates(documents), spans)

    def _score_candidates(self, documents: Sequence[Document]) -> ScoredBatch:
        configuration = self._configuration
        pieces = self._split(documents)
        candidates = enumerate_candidates(documents, configuration.max_span_width)
        if configuration.filter is not None:
            # The filter's vectors are released before the model encodes.
            scores = self._score(configuration.filter, pieces, candidates)[1]
            candidates = candidates.where(scores[:, 0] >= configuration.filter.threshold)
        vectors, scores = self._score(configuration.model, pieces, candidates)
        return ScoredBatch(documents, pieces, vectors, candidates, _softmax(scores))

    def _prediction(self, scored: ScoredCandidates, decoding: Decoding) -> Prediction:
        spans, probabilities = scored
        soft = None
        if decoding.soft_labels is not None:
            soft = soft_annotation(probabilities, spans, self.labels, decoding.soft_labels)
        calibration = self._configuration.calibration
        entities = decode(probabilities, spans, self.labels, decoding, calibration)
        return Prediction(entities, soft=soft)

    def _score_pairs(
        self, scored: ScoredBatch, entities: Sequence[List[ScoredSpan]]
    ) -> List[ScoredPairs]:
        relations = self._configuration.relations
        assert relations is not None
        indices = top_scoring_entities(entities, scored.num_words, relations.max_entities_per_word)
        kept = [[found[index] for index in its] for found, its in zip(entities, indices)]
        spans, sentences = scored.entity_spans(kept)
        pairs = sentence_pairs(spans.words, sentences, relations.max_distance)
        logits = score_pairs(
            self._graphs[relations.head], scored.vectors, scored.pieces.borders, spans, pairs
        )
        # A sigmoid that never overflows.
        probabilities = 0.5 * (1.0 + np.tanh(0.5 * logits))
        borders = np.searchsorted(pairs[:, 0], spans.borders[1:-1])
        pairs = np.concatenate([np.array(its, np.int64) for its in indices])[pairs]
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
        Return the vectors of the pieces and the scores of the candidates.

        Their shapes are `(number of pieces in the batch, dim)`, empty if there are no candidates,
        and `(num_spans, num_scores)`.
        """
        encoder, head = self._graphs[network.encoder], self._graphs[network.head]
        if not len(candidates.starts):
            return np.empty((0, network.dim), np.float32), np.empty((0, head.dim), np.float32)

        def encode(ids: Indices, mask: Indices) -> FloatArray:
            return encoder(input_ids=ids, attention_mask=mask)

        vectors = network.windows.encode(encode, network.dim, pieces.documents, encoder.length_step)
        words = np.stack([candidates.starts, candidates.ends], axis=1)
        borders = np.searchsorted(candidates.documents, np.arange(1 + len(pieces.documents)))
        return vectors, score_spans(head, vectors, pieces.borders, pieces.spans(words, borders))


def _softmax(logits: FloatArray) -> FloatArray:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: FloatArray = exponentials / exponentials.sum(axis=1, keepdims=True)
    return result
