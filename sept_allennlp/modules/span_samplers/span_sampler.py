import torch
from allennlp.common import Registrable


class SpanSampler(torch.nn.Module, Registrable):
    """
    Chooses the candidates that a training step looks at (paper, section 3.3). Evaluation and
    prediction never sample.

    A sampler draws from torch's global generator and from no other, so that AllenNLP's
    `pytorch_seed` governs it.
    """

    default_implementation = "random_negatives"

    def forward(self, labels: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """
        # Parameters

        labels : `torch.LongTensor`
            Shape `(batch_size, num_spans)`: each candidate's class, `NO_ENTITY` for negatives.
        mask : `torch.BoolTensor`
            Shape `(batch_size, num_spans)`: false where there is no candidate.

        # Returns

        `torch.BoolTensor` of shape `(batch_size, num_spans)`: the candidates to keep.
        """
        raise NotImplementedError
