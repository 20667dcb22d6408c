import torch

from sept_allennlp.modules.pair_samplers.pair_sampler import PairSampler


@PairSampler.register("all_pairs")
class AllPairs(PairSampler):
    """
    Keeps every pair.

    Registered as a `PairSampler` with name "all_pairs".
    """

    def forward(self, related: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """As for `PairSampler`; all tensors have shape `(batch_size, num_pairs)`."""
        return mask
