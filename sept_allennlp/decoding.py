"""From scores to labelled spans: pure functions, used by the metric and by the predictor alike."""

from typing import List, NamedTuple, Sequence

import torch

from sept_allennlp.spans import NO_ENTITY


class ScoredSpan(NamedTuple):
    """A predicted entity; `start` and `end` are inclusive word indices, `score` a probability."""

    start: int
    end: int
    label: str
    score: float


def decode(
    probabilities: torch.Tensor,
    spans: torch.Tensor,
    labels: Sequence[str],
    flat: bool = False,
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
    flat : `bool`, optional (default = `False`)
        If true, no two entities share a word: of those that do, the most probable stays. The paper
        classifies each span for itself, which lets entities nest; that is the default.
    """
    scores, classes = probabilities.max(dim=-1)
    predicted = (classes != NO_ENTITY).nonzero().squeeze(-1)
    entities = [
        ScoredSpan(start, end, labels[label - 1], score)
        for (start, end), label, score in zip(
            spans[predicted].tolist(), classes[predicted].tolist(), scores[predicted].tolist()
        )
    ]
    if flat:
        entities = without_overlaps(entities)
    return sorted(entities)


def without_overlaps(entities: Sequence[ScoredSpan]) -> List[ScoredSpan]:
    """Greedily, the most probable first, the entities that share no word with one taken before."""
    taken: List[ScoredSpan] = []
    covered = set()
    for entity in sorted(entities, key=lambda e: (-e.score, e.start, e.end)):
        words = range(entity.start, entity.end + 1)
        if covered.isdisjoint(words):
            covered.update(words)
            taken.append(entity)
    return taken
