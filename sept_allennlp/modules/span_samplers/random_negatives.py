import torch
from allennlp.common.checks import ConfigurationError

from sept_allennlp.modules.sampling import draw
from sept_allennlp.modules.span_samplers.span_sampler import SpanSampler
from sept_runtime.decoding import NO_ENTITY


@SpanSampler.register("random_negatives")
class RandomNegatives(SpanSampler):
    """
    Keeps every gold span and `num_negatives` others of each document, drawn uniformly and without
    replacement (paper, section 3.3; p in Figure 2).

    Registered as a `SpanSampler` with name "random_negatives".

    # Parameters

    num_negatives : `int`, optional (default = `250`)
        Per document; a document with fewer keeps them all.
    """

    def __init__(self, num_negatives: int = 250) -> None:
        super().__init__()
        if num_negatives < 0:
            raise ConfigurationError(f"num_negatives must not be negative: {num_negatives}")
        self._num_negatives = num_negatives

    def forward(self, labels: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """As for `SpanSampler`; all tensors have shape `(batch_size, num_spans)`."""
        positive = mask & (labels != NO_ENTITY)
        return positive | draw(mask & ~positive, self._num_negatives)
