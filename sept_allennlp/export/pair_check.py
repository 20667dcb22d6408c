"""Compare the relations that an exported model and its archive find."""

from typing import List, NamedTuple, Sequence, Tuple

import numpy as np
import torch

from sept_allennlp.export.differences import TIE, differing
from sept_allennlp.export.errors import ExportError
from sept_allennlp.models.sept import SEPT
from sept_allennlp.predictors import SEPTPredictor
from sept_runtime.decoding import NO_ENTITY, ScoredPairs
from sept_runtime.documents import Document, ScoredSpan
from sept_runtime.onnx.predictor import ExportedPredictor
from sept_runtime.onnx.scored_batch import ScoredCandidates

# At least this many spans of each document make pairs, even if the model finds no entities in
# these texts.
_MIN_SPANS = 8


class PairAgreement(NamedTuple):
    """
    How well an exported model and its archive agree about relations.

    # Parameters

    difference : `float`
        The largest difference of a relation's probability.
    pairs, relations : `int`
        The number of pairs that were compared, and of relations that the archive finds in them.
    ties : `int`
        The number of relations that only one of the two finds because of rounding.
    """

    difference: float
    pairs: int
    relations: int
    ties: int

    def joined(self, other: "PairAgreement") -> "PairAgreement":
        """Return the agreement on the documents of both."""
        return PairAgreement(
            max(self.difference, other.difference),
            self.pairs + other.pairs,
            self.relations + other.relations,
            self.ties + other.ties,
        )


def compare_pairs(
    archive: SEPTPredictor,
    exported: ExportedPredictor,
    documents: Sequence[Document],
    candidates: Sequence[Tuple[ScoredCandidates, ScoredCandidates]],
) -> PairAgreement:
    """
    Compare the relations that both models find between the same spans, the top-scoring ones.

    # Parameters

    archive : `SEPTPredictor`
    exported : `ExportedPredictor`
    documents : `Sequence[Document]`
    candidates : `Sequence[Tuple[ScoredCandidates, ScoredCandidates]]`
        The candidates of each document, from the archive and from the export.

    # Raises

    `ExportError` if the models do not agree.
    """
    model, min_score = archive._model, archive.decoding.min_relation_score
    assert isinstance(model, SEPT) and model.relation_decoding is not None
    how = model.relation_decoding
    spans = [_top_scoring(*of_document) for of_document in candidates]
    ours, theirs = _score(archive, documents, spans), exported.score_pairs(documents, spans)
    agreed = PairAgreement(0.0, 0, 0, 0)
    for document, paired, expected, found in zip(documents, spans, ours, theirs):
        if not np.array_equal(expected.pairs, found.pairs):
            raise ExportError("the export pairs other entities than the archive")
        differences = np.abs(expected.probabilities - found.probabilities)
        related, unshared = differing(how.decode(expected, min_score), how.decode(found, min_score))
        for relation in unshared:
            assert relation.score is not None
            if abs(relation.score - how.least(min_score)) > TIE:
                raise ExportError(
                    "the export finds other relations than the archive: only one of them finds "
                    f"{_text(document, paired[relation.head])!r} {relation.label} "
                    f"{_text(document, paired[relation.tail])!r} ({relation.score:.4f})"
                )
        difference = float(differences.max(initial=0.0))
        agreed = agreed.joined(
            PairAgreement(difference, len(expected.pairs), related, len(unshared))
        )
    return agreed


@torch.no_grad()
def _score(
    predictor: SEPTPredictor, documents: Sequence[Document], spans: List[List[ScoredSpan]]
) -> List[ScoredPairs]:
    model, tensors = predictor._model, predictor.tensors(documents)
    assert isinstance(model, SEPT)
    inputs = tensors["text"], tensors["sentence_ids"]
    return model.score_pairs(spans, model.score_spans(*inputs), *inputs)


def _top_scoring(expected: ScoredCandidates, found: ScoredCandidates) -> List[ScoredSpan]:
    """Return as many shared candidates as the archive finds entities, but at least a few."""
    shared = set(map(tuple, found.spans.tolist()))
    entity = 1.0 - expected.probabilities[:, NO_ENTITY]
    number = max(_MIN_SPANS, int((expected.probabilities.argmax(axis=1) != NO_ENTITY).sum()))
    indices = np.argsort(-entity, kind="stable")[:number]
    return sorted(
        ScoredSpan(start, end, "", score)
        for (start, end), score in zip(expected.spans[indices].tolist(), entity[indices].tolist())
        if (start, end) in shared
    )


def _text(document: Document, span: ScoredSpan) -> str:
    return " ".join(document.words[span.start : span.end + 1])
