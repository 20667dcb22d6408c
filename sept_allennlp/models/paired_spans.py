"""Which spans make the pairs that relations are looked for in."""

from typing import List, Sequence, Tuple

import torch

from sept_allennlp.models.span_classifier import SpanScores
from sept_allennlp.modules.candidate_spans import PADDING
from sept_runtime.decoding import NO_ENTITY
from sept_runtime.documents import ScoredSpan


def places_of(
    entities: Sequence[List[ScoredSpan]], device: torch.device
) -> Tuple[torch.Tensor, torch.Tensor]:
    """
    The entities that were found in each document of a batch, as tensors.

    # Returns

    spans : `torch.LongTensor`
        Shape `(batch_size, most entities of a document, 2)`: first and last word; `PADDING` beyond
        a document's entities.
    mask : `torch.BoolTensor`
        Shape `(batch_size, most entities of a document)`.
    """
    places = [
        torch.tensor([entity[:2] for entity in found], dtype=torch.long).view(-1, 2)
        for found in entities
    ]
    spans = torch.nn.utils.rnn.pad_sequence(places, batch_first=True, padding_value=PADDING)
    spans = spans.to(device)
    return spans, spans[..., 0] != PADDING


def surest_errors(
    scores: SpanScores, labels: torch.Tensor, number: int
) -> Tuple[torch.Tensor, torch.Tensor]:
    """
    Of the candidates of each document that are wrongly taken for entities those that are so with
    the highest probability.

    # Parameters

    scores : `SpanScores`
    labels : `torch.LongTensor`
        Shape `(batch_size, num_spans)`: each candidate's class.
    number : `int`
        Of each document, at most.

    # Returns

    spans : `torch.LongTensor`
        Shape `(batch_size, number at most, 2)`; anything where the mask is false.
    mask : `torch.BoolTensor`
        Shape `(batch_size, number at most)`.
    """
    probabilities = scores.logits.detach().softmax(dim=-1)
    wrong = (probabilities.argmax(dim=-1) != NO_ENTITY) & (labels[scores.mask] == NO_ENTITY)
    # Shape: (batch_size, num_spans)
    sureness = probabilities.new_zeros(scores.mask.size())
    sureness[scores.mask] = wrong * (1.0 - probabilities[:, NO_ENTITY])
    surest, places = sureness.topk(min(number, sureness.size(1)), dim=1)
    return scores.spans.gather(1, places.unsqueeze(-1).expand(-1, -1, 2)), surest > 0.0
