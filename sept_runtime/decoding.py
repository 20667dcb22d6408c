"""From scores to labelled spans: pure functions, used by the metric and by the predictor alike."""

from typing import List, NamedTuple, Optional, Sequence, Set, Tuple

import torch
from allennlp.common import FromParams
from allennlp.common.checks import ConfigurationError

from sept_allennlp.spans import NO_ENTITY


class ScoredSpan(NamedTuple):
    """
    A predicted entity.

    `start` and `end` are inclusive word indices over the document, `score` is the label's
    probability, `labels` the most probable labels of the span with their probabilities, where
    `Decoding.top_labels` asks for them.
    """

    start: int
    end: int
    label: str
    score: float
    labels: Tuple[Tuple[str, float], ...] = ()


class Decoding(FromParams):
    """
    Which of the classified spans become entities.

    # Parameters

    flat : `bool`, optional (default = `False`)
        If true, no two entities share a word: of those that do, the most probable stays. The paper
        classifies each span for itself, which lets entities nest; that is the default.
    min_score : `float`, optional (default = `0.0`)
        A probability; entities below it are dropped.
    top_labels : `int`, optional (default = `0`)
        How many labels to report for each entity.

    # Raises

    `ConfigurationError` for a `min_score` that is no probability or a negative `top_labels`.
    """

    def __init__(self, flat: bool = False, min_score: float = 0.0, top_labels: int = 0) -> None:
        if not 0.0 <= min_score <= 1.0:
            raise ConfigurationError(f"min_score must lie between 0 and 1: {min_score}")
        if top_labels < 0:
            raise ConfigurationError(f"top_labels must not be negative: {top_labels}")
        self.flat = flat
        self.min_score = min_score
        self.top_labels = top_labels


def decode(
    probabilities: torch.Tensor,
    spans: torch.Tensor,
    labels: Sequence[str],
    decoding: Optional[Decoding] = None,
) -> List[ScoredSpan]:
    """
    The entities of one document, ordered by place.

    # Parameters

    probabilities : `torch.FloatTensor`
        Shape `(num_spans, 1 + num_labels)`; class `NO_ENTITY` comes first.
    spans : `torch.LongTensor`
        Shape `(num_spans, 2)`: first and last word, both inclusive.
    labels : `Sequence[str]`
        The names of the classes after `NO_ENTITY`.
    decoding : `Decoding`, optional (default = `Decoding()`)
    """
    decoding = decoding or Decoding()
    classes = probabilities.argmax(dim=-1)
    predicted = (classes != NO_ENTITY).nonzero().squeeze(-1)
    entities = entities_of(
        spans[predicted], classes[predicted] - 1, probabilities[predicted, 1:], labels, decoding
    )
    if decoding.flat:
        entities = without_overlaps(entities)
    return sorted(entities)


def entities_of(
    spans: torch.Tensor,
    chosen: torch.Tensor,
    probabilities: torch.Tensor,
    labels: Sequence[str],
    decoding: Decoding,
) -> List[ScoredSpan]:
    """
    The entities that spans make with the labels chosen for them, without those that are less
    probable than `decoding.min_score`.

    # Parameters

    spans : `torch.LongTensor`
        Shape `(num_spans, 2)`: first and last word, both inclusive.
    chosen : `torch.LongTensor`
        Shape `(num_spans,)`: each span's label, as an index into `labels`.
    probabilities : `torch.FloatTensor`
        Shape `(num_spans, num_labels)`.
    labels : `Sequence[str]`
    decoding : `Decoding`
    """
    scores = probabilities.gather(1, chosen.unsqueeze(-1)).squeeze(-1)
    kept = (scores >= decoding.min_score).nonzero().squeeze(-1)
    entities = [
        ScoredSpan(start, end, labels[label], score)
        for (start, end), label, score in zip(
            spans[kept].tolist(), chosen[kept].tolist(), scores[kept].tolist()
        )
    ]
    if decoding.top_labels:
        top = probabilities[kept].topk(min(decoding.top_labels, len(labels)), dim=-1)
        entities = [
            entity._replace(labels=tuple((labels[i], p) for i, p in zip(indices, values)))
            for entity, indices, values in zip(entities, top.indices.tolist(), top.values.tolist())
        ]
    return entities


def without_overlaps(entities: Sequence[ScoredSpan]) -> List[ScoredSpan]:
    """Greedily, the most probable first, the entities that share no word with one taken before."""
    taken: List[ScoredSpan] = []
    covered: Set[int] = set()
    for entity in sorted(entities, key=lambda e: (-e.score, e.start, e.end)):
        words = range(entity.start, entity.end + 1)
        if covered.isdisjoint(words):
            covered.update(words)
            taken.append(entity)
    return taken
