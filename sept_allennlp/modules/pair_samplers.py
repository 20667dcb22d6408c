"""Samplers of pairs: they choose the pairs of entities of a training step."""

import torch
from allennlp.common import Registrable
from allennlp.common.checks import ConfigurationError
from typing_extensions import override

from sept_allennlp.modules.span_samplers import sample_without_replacement


class PairSampler(torch.nn.Module, Registrable):
    """
    Base class for samplers of pairs, which choose the pairs of spans of a training step.

    It is to relations what `SpanSampler` is to entities. Evaluation and prediction never sample.

    A sampler must use torch's global random generator alone, which AllenNLP's `pytorch_seed` seeds.
    """

    default_implementation = "random_negatives"

    def forward(self, related: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """
        Choose pairs.

        # Parameters

        related : `torch.BoolTensor`
            Shape `(batch_size, num_pairs)`: whether the pair has a relation.
        mask : `torch.BoolTensor`
            Shape `(batch_size, num_pairs)`: false for padding.

        # Returns

        `torch.BoolTensor` of shape `(batch_size, num_pairs)`: the pairs to keep.
        """
        raise NotImplementedError


@PairSampler.register("random_negatives")
class RandomNegativePairs(PairSampler):
    """
    Keeps all pairs with a relation and a random sample of the others.

    The sample has `num_negatives` pairs of each document, drawn uniformly without replacement. This
    is SEPT's under-sampling (paper, section 3.3) for pairs. SpERT (Eberts and Ulges 2020,
    "Span-based Joint Entity and Relation Extraction with Transformer Pre-training", section 3)
    keeps 100 a sentence.

    Registered as a `PairSampler` with name "random_negatives".

    # Parameters

    num_negatives : `int`, optional (default = `100`)
        Per document; a document with fewer negatives keeps them all.
    """

    def __init__(self, num_negatives: int = 100) -> None:
        super().__init__()
        if num_negatives < 0:
            raise ConfigurationError(f"num_negatives must not be negative, got {num_negatives}")
        self._num_negatives = num_negatives

    @override
    def forward(self, related: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        negatives = sample_without_replacement(mask & ~related, self._num_negatives)
        return (related & mask) | negatives


@PairSampler.register("all_pairs")
class AllPairs(PairSampler):
    """
    Keeps all pairs.

    Registered as a `PairSampler` with name "all_pairs".
    """

    @override
    def forward(self, related: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return mask
