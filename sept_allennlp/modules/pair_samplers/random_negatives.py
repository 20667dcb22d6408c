import torch
from allennlp.common.checks import ConfigurationError

from sept_allennlp.modules.pair_samplers.pair_sampler import PairSampler
from sept_allennlp.modules.sampling import draw


@PairSampler.register("random_negatives")
class RandomNegativePairs(PairSampler):
    """
    Keeps every pair with a relation and `num_negatives` others of each document, drawn uniformly
    and without replacement: SEPT's under-sampling (paper, section 3.3), done to pairs. SpERT
    (Eberts and Ulges 2020, "Span-based Joint Entity and Relation Extraction with Transformer
    Pre-training", section 3) does it with 100 a sentence.

    Registered as a `PairSampler` with name "random_negatives".

    # Parameters

    num_negatives : `int`, optional (default = `100`)
        Per document; a document with fewer keeps them all.
    """

    def __init__(self, num_negatives: int = 100) -> None:
        super().__init__()
        if num_negatives < 0:
            raise ConfigurationError(f"num_negatives must not be negative: {num_negatives}")
        self._num_negatives = num_negatives

    def forward(self, related: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """As for `PairSampler`; all tensors have shape `(batch_size, num_pairs)`."""
        return (related & mask) | draw(mask & ~related, self._num_negatives)
