import torch
from allennlp.common import Registrable


class PairSampler(torch.nn.Module, Registrable):
    """
    Chooses the pairs of spans that a training step looks for relations in: to relations what
    `SpanSampler` is to entities. Evaluation and prediction never sample.

    A sampler draws from torch's global generator and from no other, so that AllenNLP's
    `pytorch_seed` governs it.
    """

    default_implementation = "random_negatives"

    def forward(self, related: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """
        # Parameters

        related : `torch.BoolTensor`
            Shape `(batch_size, num_pairs)`: whether there is a relation in the pair.
        mask : `torch.BoolTensor`
            Shape `(batch_size, num_pairs)`: false where there is no pair.

        # Returns

        `torch.BoolTensor` of shape `(batch_size, num_pairs)`: the pairs to keep.
        """
        raise NotImplementedError
