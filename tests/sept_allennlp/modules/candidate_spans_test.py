from typing import List, Tuple

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sept_allennlp.modules.candidate_spans import (
    PADDING,
    candidate_grid,
    enumerate_spans,
    label_spans,
    select,
    word_to_piece_spans,
)
from sept_runtime.decoding import NO_ENTITY

# A batch of documents, each the lengths of its sentences; sentences and documents may be empty.
batches = st.lists(st.lists(st.integers(0, 5), max_size=4), min_size=1, max_size=4)
widths = st.integers(1, 8)


def batch_of(documents: List[List[int]]) -> torch.Tensor:
    """Return the sentence ids of documents whose sentences have these lengths, padded."""
    rows = [[i for i, length in enumerate(lengths) for _ in range(length)] for lengths in documents]
    longest = max(len(row) for row in rows)
    return torch.tensor(
        [row + [PADDING] * (longest - len(row)) for row in rows], dtype=torch.long
    ).view(len(rows), longest)


def brute_force_spans(sentence_ids: List[int], max_span_width: int) -> List[List[int]]:
    num_words = len(sentence_ids) - sentence_ids.count(PADDING)
    return [
        [start, end]
        for start in range(num_words)
        for end in range(start, num_words)
        if end - start < max_span_width and sentence_ids[start] == sentence_ids[end]
    ]


def test_a_small_batch_by_hand():
    spans, mask = enumerate_spans(batch_of([[3, 1], [1, 1]]), max_span_width=2)
    assert spans.tolist() == [
        [[0, 0], [0, 1], [1, 1], [1, 2], [2, 2], [3, 3]],
        [[0, 0], [1, 1]] + [[PADDING, PADDING]] * 4,
    ]
    assert mask.tolist() == [[True] * 6, [True] * 2 + [False] * 4]


@settings(deadline=None, derandomize=True)
@given(batches, widths)
def test_enumerate_spans_equals_two_loops(documents, max_span_width):
    sentence_ids = batch_of(documents)
    spans, mask = enumerate_spans(sentence_ids, max_span_width)
    expected = [brute_force_spans(row, max_span_width) for row in sentence_ids.tolist()]
    size = max(map(len, expected))
    assert spans.shape == (len(documents), size, 2)
    assert spans.dtype == torch.long
    assert mask.shape == (len(documents), size)
    for row_spans, row_mask, row_expected in zip(spans, mask, expected, strict=True):
        assert row_spans[row_mask].tolist() == row_expected
        assert row_mask.tolist() == [True] * len(row_expected) + [False] * (
            size - len(row_expected)
        )
        assert (row_spans[~row_mask] == PADDING).all()


@settings(deadline=None, derandomize=True, max_examples=30)
@given(batches, widths)
def test_candidate_grid_marks_the_same_spans(documents, max_span_width):
    sentence_ids = batch_of(documents)
    grid = candidate_grid(sentence_ids, max_span_width)
    assert grid.shape == (*sentence_ids.shape, max_span_width)
    for row, row_ids in zip(grid, sentence_ids.tolist(), strict=True):
        marked = [[start, start + width] for start, width in row.nonzero().tolist()]
        assert marked == brute_force_spans(row_ids, max_span_width)


def test_spans_of_width_one_are_the_words():
    spans, mask = enumerate_spans(batch_of([[2, 1]]), max_span_width=1)
    assert spans.tolist() == [[[0, 0], [1, 1], [2, 2]]]
    assert mask.all()


def test_an_empty_document_has_no_spans():
    spans, mask = enumerate_spans(batch_of([[], [2]]), max_span_width=3)
    assert mask.tolist() == [[False] * 3, [True] * 3]
    spans, mask = enumerate_spans(batch_of([[], []]), max_span_width=3)
    assert spans.shape == (2, 0, 2)
    assert mask.shape == (2, 0)


def test_select_moves_kept_values_to_the_front():
    keep = torch.tensor([[False, True, False, True], [False, False, True, False], [False] * 4])
    values = torch.arange(12).view(3, 4)
    packed, mask = select(keep, values)
    assert packed.tolist() == [[1, 3], [6, PADDING], [PADDING, PADDING]]
    assert mask.tolist() == [[True, True], [True, False], [False, False]]

    pairs, mask = select(keep, torch.stack([values, values + 100], dim=-1))
    assert pairs.tolist() == [
        [[1, 101], [3, 103]],
        [[6, 106], [PADDING, PADDING]],
        [[PADDING, PADDING]] * 2,
    ]


def test_select_of_nothing_is_empty():
    packed, mask = select(torch.zeros(2, 3, dtype=torch.bool), torch.ones(2, 3, 2).long())
    assert packed.shape == (2, 0, 2)
    assert mask.shape == (2, 0)
    packed, mask = select(torch.zeros(2, 0, dtype=torch.bool), torch.ones(2, 0).long())
    assert packed.shape == mask.shape == (2, 0)


def labels_of(documents: List[List[int]], gold: List[List[Tuple[int, int, int]]], width: int):
    sentence_ids = batch_of(documents)
    spans, mask = enumerate_spans(sentence_ids, width)
    size = max(map(len, gold))
    gold_tensor = torch.tensor(
        [row + [(PADDING, PADDING, PADDING)] * (size - len(row)) for row in gold],
        dtype=torch.long,
    ).view(len(gold), size, 3)
    return label_spans(spans, mask, gold_tensor, sentence_ids.size(1), width), spans, mask


def test_labels_by_hand_with_nested_and_too_wide_gold_and_padding():
    labels, spans, mask = labels_of(
        [[4], [2]],
        # (0, 2) is three words wide; the limit is two.
        [[(0, 2, 5), (1, 2, 0), (1, 1, 4), (3, 3, 2)], [(0, 1, 3)]],
        width=2,
    )
    assert spans[0].tolist() == [[0, 0], [0, 1], [1, 1], [1, 2], [2, 2], [2, 3], [3, 3]]
    # A label's class is its index + 1.
    assert labels.tolist() == [[0, 0, 5, 1, 0, 0, 3], [0, 4, 0, 0, 0, 0, 0]]
    assert not labels[~mask].any()


@settings(deadline=None, derandomize=True)
@given(st.data(), batches, widths)
def test_labels_are_those_of_the_annotation(data, documents, max_span_width):
    gold = []
    for row in batch_of(documents).tolist():
        # Any span inside a sentence may be annotated, the candidates and wider ones.
        possible = brute_force_spans(row, len(row))
        chosen = data.draw(st.lists(st.sampled_from(possible), unique_by=tuple)) if possible else []
        gold.append([(start, end, data.draw(st.integers(0, 5))) for start, end in chosen])
    labels, spans, mask = labels_of(documents, gold, max_span_width)
    for row_labels, row_spans, row_mask, row_gold in zip(labels, spans, mask, gold, strict=True):
        label_of = {(start, end): label + 1 for start, end, label in row_gold}
        expected = [label_of.get((start, end), NO_ENTITY) for start, end in row_spans.tolist()]
        assert row_labels.tolist() == expected
        assert (row_labels[~row_mask] == NO_ENTITY).all()


def test_labels_of_documents_without_words_or_without_gold():
    labels, _, _ = labels_of([[], []], [[], []], width=3)
    assert labels.shape == (2, 0)
    labels, _, _ = labels_of([[2], []], [[], []], width=3)
    assert labels.tolist() == [[NO_ENTITY] * 3, [NO_ENTITY] * 3]


def test_piece_spans_reach_from_the_first_words_first_piece_to_the_last_words_last():
    # The first document's words have 1, 3 and 2 pieces, the second's two words 2 and 1.
    offsets = torch.tensor([[[0, 0], [1, 3], [4, 5]], [[0, 1], [2, 2], [0, 0]]])
    spans = torch.tensor(
        [[[0, 0], [0, 1], [1, 2], [2, 2]], [[0, 0], [0, 1], [1, 1], [PADDING, PADDING]]]
    )
    mask = torch.tensor([[True] * 4, [True, True, True, False]])
    assert word_to_piece_spans(spans, mask, offsets).tolist() == [
        [[0, 0], [0, 3], [1, 5], [4, 5]],
        [[0, 1], [0, 2], [2, 2], [PADDING, PADDING]],
    ]


def test_piece_spans_of_no_spans():
    spans, mask = enumerate_spans(batch_of([[], []]), 3)
    offsets = torch.zeros(2, 0, 2, dtype=torch.long)
    assert word_to_piece_spans(spans, mask, offsets).shape == (2, 0, 2)
