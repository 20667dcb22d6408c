import torch

from sept_allennlp.modules.span_samplers.span_sampler import SpanSampler


@SpanSampler.register("all_spans")
class AllSpans(SpanSampler):
    """
    Keeps every candidate: training without under-sampling, the paper's comparison in Figure 2.

    Registered as a `SpanSampler` with name "all_spans".
    """

    def forward(self, labels: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Gives `mask` itself, of shape `(batch_size, num_spans)`."""
        return mask
