"""Compare the predictions of an exported model with those of its archive."""

from typing import Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

import numpy as np
import torch
from numpy.typing import NDArray

from sept_allennlp.export.compact import Compact
from sept_allennlp.export.differences import TIE, differing
from sept_allennlp.export.errors import ExportError
from sept_allennlp.export.int8 import Int8
from sept_allennlp.export.pair_check import PairAgreement, compare_pairs
from sept_allennlp.models.sept import SEPT
from sept_allennlp.models.span_classifier import probabilities_by_document
from sept_allennlp.predictors import SEPTPredictor
from sept_runtime.decoding import decode
from sept_runtime.documents import Document, ScoredSpan
from sept_runtime.onnx.predictor import ExportedPredictor
from sept_runtime.onnx.scored_batch import ScoredCandidates
from sept_runtime.options import Decoding

# Rounding does not explain larger differences.
_MAX_DIFFERENCE = 1e-3


class Agreement(NamedTuple):
    """
    How well an exported model and its archive agree.

    # Parameters

    difference : `float`
        The largest difference of a probability of a span or of a relation.
    spans, documents : `int`
        The number of spans and documents that were compared.
    entities : `int`
        The number of entities that the archive finds.
    ties : `int`
        The number of entities and relations that only one of the two finds because of rounding.
    pairs : `PairAgreement`, optional
        For models that find relations.
    int8 : `Int8`, optional
        How far the encoder in int8 differs from the one in float32.
    compact : `Compact`, optional
        How far the compact graphs differ from those in float32.
    """

    difference: float
    spans: int
    documents: int
    entities: int
    ties: int
    pairs: Optional[PairAgreement] = None
    int8: Optional[Int8] = None
    compact: Optional[Compact] = None

    def __str__(self) -> str:
        ties = f", {self.ties} undecided by a tie" if self.ties else ""
        pairs = ""
        if self.pairs is not None:
            pairs = f", {self.pairs.pairs:,} pairs of spans and {self.pairs.relations:,} relations"
        return (
            f"largest difference of a score {self.difference:.1e}, {self.spans:,} spans and "
            f"{self.entities:,} entities{pairs} of {self.documents} documents compared{ties}"
            f"{'' if self.int8 is None else f'; {self.int8}'}"
            f"{'' if self.compact is None else f'; {self.compact}'}"
        )


Scores = Dict[Tuple[int, int], NDArray[np.floating]]


def compare(
    archive: SEPTPredictor, exported: ExportedPredictor, batches: Sequence[Sequence[Document]]
) -> Agreement:
    """
    Compare the predictions of both models for the same documents.

    # Raises

    `ExportError` if the models do not agree.
    """
    difference, num_spans, num_entities, num_ties = 0.0, 0, 0, 0
    pairs = PairAgreement(0.0, 0, 0, 0) if archive.finds_relations else None
    for documents in batches:
        ours, theirs = _score(archive, documents), exported.score_batch(documents)
        for document, expected, found in zip(documents, ours, theirs):
            scores, other = _by_span(expected), _by_span(found)
            shared = scores.keys() & other.keys()
            # Rounding may decide whether a span passes the filter. A span that passes only one
            # filter for another reason shows in the entities.
            differences = [float(np.abs(scores[span] - other[span]).max()) for span in shared]
            difference = max([difference, *differences])
            num_spans += len(shared)
            entities, unshared = differing(
                *(
                    decode(
                        side.probabilities,
                        side.spans,
                        exported.labels,
                        archive.decoding,
                        archive.calibration,
                    )
                    for side in (expected, found)
                )
            )
            num_entities += entities
            for entity in unshared:
                if not _is_tie(entity, scores, other, archive.decoding):
                    raise ExportError(
                        f"the export finds other entities than the archive: only one of them finds "
                        f"{' '.join(document.words[entity.start : entity.end + 1])!r} "
                        f"({entity.label}, {entity.score:.4f})"
                    )
            num_ties += len(unshared)
        if pairs is not None:
            pairs = pairs.joined(
                compare_pairs(archive, exported, documents, list(zip(ours, theirs)))
            )
    if pairs is not None:
        difference, num_ties = max(difference, pairs.difference), num_ties + pairs.ties
    if difference > _MAX_DIFFERENCE:
        raise ExportError(
            f"a score of the export differs from the archive's by {difference:.1e}, which is more "
            "than rounding explains"
        )
    num_documents = sum(map(len, batches))
    return Agreement(difference, num_spans, num_documents, num_entities, num_ties, pairs)


def _is_tie(entity: ScoredSpan, ours: Scores, theirs: Scores, decoding: Decoding) -> bool:
    span = entity[:2]
    scores = ours.get(span, theirs.get(span))
    if scores is None or not (span in ours and span in theirs):
        # The threshold of the filter decided.
        return True
    first, second = np.sort(scores)[::-1][:2]
    assert entity.score is not None
    if first - second <= TIE or abs(entity.score - decoding.min_score) <= TIE:
        return True
    if not decoding.flat:
        return False
    # The more probable of two overlapping entities stays, which in turn decides about the entities
    # that overlap with these two.
    rivals: Set[float] = set()
    for (start, end), other in ours.items():
        overlaps = start <= entity.end and entity.start <= end and (start, end) != span
        if overlaps and other.argmax():
            rivals.add(float(other.max()))
    ordered = sorted([*rivals, float(first)])
    return any(above - below <= TIE for below, above in zip(ordered, ordered[1:]))


@torch.no_grad()
def _score(predictor: SEPTPredictor, documents: Sequence[Document]) -> List[ScoredCandidates]:
    model = predictor._model
    assert isinstance(model, SEPT)
    tensors = predictor.tensors(documents)
    scores = model.score_spans(tensors["text"], tensors["sentence_ids"])
    return [
        ScoredCandidates(spans, probabilities)
        for probabilities, spans in probabilities_by_document(scores)
    ]


def _by_span(scored: ScoredCandidates) -> Scores:
    return {
        (start, end): probabilities
        for (start, end), probabilities in zip(scored.spans.tolist(), scored.probabilities)
    }
