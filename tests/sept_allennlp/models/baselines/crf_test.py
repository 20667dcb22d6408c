import itertools
from typing import Any, List, Tuple

import pytest
import torch

from sept_allennlp.models.baselines.crf import span_log_probabilities, within_sentences
from sept_allennlp.modules.candidate_spans import PADDING

OUT, B_TASK, I_TASK, B_METHOD, I_METHOD = range(5)


def test_no_entity_crosses_a_sentence_boundary() -> None:
    sentence_ids = torch.tensor([[0, 0, 1, 1], [0, 1, 1, PADDING]])
    logits = within_sentences(torch.ones(2, 4, 5), sentence_ids)
    impossible = (logits != 1).nonzero().tolist()
    first_words = [(0, 0), (0, 2), (1, 0), (1, 1), (1, 3)]
    assert impossible == [[*word, tag] for word in first_words for tag in (I_TASK, I_METHOD)]


def all_sequences(length: int) -> List[Tuple[int, ...]]:
    """Every sequence of tags in which no entity goes on that has not begun."""

    def goes_on(before: int, tag: int) -> bool:
        return tag not in (I_TASK, I_METHOD) or before in (tag, tag - 1)

    return [
        tags
        for tags in itertools.product(range(5), repeat=length)
        if all(goes_on(before, tag) for before, tag in zip((OUT, *tags), tags))
    ]


def brute_force(
    logits: torch.Tensor, crf: Any, first: int, last: int, label: int, length: int
) -> float:
    """Return the share of the sequences that hold the entity, weighted by their scores."""
    transitions, starts, ends = crf
    entity = [2 * label + 1] + [2 * label + 2] * (last - first)
    holding = total = 0.0
    for tags in all_sequences(length):
        score = starts[tags[0]] + ends[tags[-1]] + sum(logits[i, t] for i, t in enumerate(tags))
        score += sum(transitions[a, b] for a, b in zip(tags, tags[1:]))
        weight = score.exp().item()
        total += weight
        goes_on = last + 1 < length and tags[last + 1] == 2 * label + 2
        if list(tags[first : last + 1]) == entity and not goes_on:
            holding += weight
    return holding / total


def test_the_probability_of_an_entity_is_its_share_of_all_sequences() -> None:
    torch.manual_seed(1)
    lengths = [4, 1, 3]
    mask = torch.arange(4) < torch.tensor(lengths).unsqueeze(1)
    logits = torch.randn(3, 4, 5, dtype=torch.double)
    crf = [torch.randn(5, 5).double(), torch.randn(5).double(), torch.randn(5).double()]
    allowed = torch.zeros(5, 5, dtype=torch.bool)
    for before, tag in all_sequences(2):
        allowed[before, tag] = True
    allowed[I_TASK, I_TASK] = allowed[I_METHOD, I_METHOD] = True
    for begun in (I_TASK, I_METHOD):
        allowed[begun, [OUT, B_TASK, B_METHOD]] = True
    transitions = crf[0].masked_fill(~allowed, -10000.0)
    starts = crf[1].clone()
    starts[[I_TASK, I_METHOD]] = -10000.0
    spans = [
        [document, first, last]
        for document, length in enumerate(lengths)
        for first in range(length)
        for last in range(first, length)
    ]
    found = span_log_probabilities(logits, mask, transitions, starts, crf[2], torch.tensor(spans))
    expected = [
        [brute_force(logits[d], crf, first, last, label, lengths[d]) for label in range(2)]
        for d, first, last in spans
    ]
    assert found.exp().tolist() == [pytest.approx(row, rel=1e-9) for row in expected]
