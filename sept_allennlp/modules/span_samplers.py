"""Samplers: they choose the candidate spans of a training step."""

from typing import Optional

import torch
from allennlp.common import Registrable
from allennlp.common.checks import ConfigurationError
from typing_extensions import override

from sept_runtime.decoding import NO_ENTITY


class SpanSampler(torch.nn.Module, Registrable):
    """
    Base class for samplers, which choose the candidates of a training step (paper, section 3.3).

    Evaluation and prediction never sample.

    A sampler must use torch's global random generator alone, which AllenNLP's `pytorch_seed` seeds.
    """

    default_implementation = "random_negatives"

    def forward(self, labels: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """
        Choose candidates.

        # Parameters

        labels : `torch.LongTensor`
            Shape `(batch_size, num_spans)`: each candidate's class, `NO_ENTITY` for negatives.
        mask : `torch.BoolTensor`
            Shape `(batch_size, num_spans)`: false for padding.

        # Returns

        `torch.BoolTensor` of shape `(batch_size, num_spans)`: the candidates to keep.
        """
        raise NotImplementedError

    def log_rates(
        self, labels: torch.Tensor, mask: torch.Tensor, keep: torch.Tensor
    ) -> torch.Tensor:
        """
        Return the logarithm of the share of negatives that each document keeps.

        It is the bias that sampling gives to what is learned. Let p(y | x) be the probability that
        a candidate x of a document has the class y. Of the document's c negatives s are kept, each
        with the probability r = s / c, and so are all its entities. By Bayes' rule, a kept
        candidate has its class with a probability

            q(y | x) ∝ p(y | x)       for the label of an entity,
            q(y | x) ∝ r p(y | x)     for "no entity".

        A softmax that is trained on what is kept learns q, whose odds of an entity are 1 / r times
        too high: with 250 of 1,200 negatives 4.8 times, which is log 4.8 = 1.57 in its logits.
        Since log q is log p, plus log r for "no entity", plus what all classes share, a model that
        has log r added to its logit of "no entity" in training, and only there, learns p. (It is
        the prior correction of King and Zeng, 2001, "Logistic Regression in Rare Events Data", as a
        logit adjustment, Menon et al., 2021, "Long-Tail Learning via Logit Adjustment".)

        # Parameters

        labels, mask :
            As for `forward`.
        keep : `torch.BoolTensor`
            Shape `(batch_size, num_spans)`: what `forward` returned.

        # Returns

        `torch.FloatTensor` of shape `(batch_size,)`: log r. It is 0 if all negatives are kept or
        there are none. If none is kept, one counts as kept.
        """
        negative = mask & (labels == NO_ENTITY)
        kept = (keep & negative).sum(dim=1).clamp(min=1)
        return (kept / negative.sum(dim=1).clamp(min=1)).log()


@SpanSampler.register("random_negatives")
class RandomNegatives(SpanSampler):
    """
    Keeps all gold spans and a random sample of the others.

    The sample has `num_negatives` spans of each document, drawn uniformly without replacement
    (paper, section 3.3; p in Figure 2).

    With `initial_negatives` the number rises during the first steps of a training. A model predicts
    an entity only if it is more probable than "no entity", which takes many steps beside many
    negatives: a short training would end before it has predicted any.

    Registered as a `SpanSampler` with name "random_negatives".

    # Parameters

    num_negatives : `int`, optional (default = `250`)
        Per document; a document with fewer negatives keeps them all.
    initial_negatives : `int`, optional (default = `None`)
        The number in the first training step; `None` for `num_negatives`.
    num_rising_steps : `int`, optional (default = `1000`)
        The number of training steps until there are `num_negatives`.

    # Raises

    `ConfigurationError` for a negative number, and for `num_rising_steps` below 1.
    """

    _num_steps: torch.Tensor

    def __init__(
        self,
        num_negatives: int = 250,
        initial_negatives: Optional[int] = None,
        num_rising_steps: int = 1000,
    ) -> None:
        super().__init__()
        numbers = {"num_negatives": num_negatives, "initial_negatives": initial_negatives}
        for name, number in numbers.items():
            if number is not None and number < 0:
                raise ConfigurationError(f"{name} must not be negative, got {number}")
        if num_rising_steps < 1:
            raise ConfigurationError(f"num_rising_steps must be at least 1, got {num_rising_steps}")
        self._num_negatives = num_negatives
        self._initial_negatives = initial_negatives
        self._num_rising_steps = num_rising_steps
        if initial_negatives is not None:
            # Among the weights, so that a recovered training resumes the count.
            # A float, as all other weights are: AllenNLP's 'diff' compares no integers.
            self.register_buffer("_num_steps", torch.zeros(()))

    @override
    def forward(self, labels: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        positive = mask & (labels != NO_ENTITY)
        return positive | sample_without_replacement(mask & ~positive, self._next_number())

    def _next_number(self) -> int:
        if self._initial_negatives is None:
            return self._num_negatives
        share = min(int(self._num_steps) / self._num_rising_steps, 1.0)
        self._num_steps += 1
        return round(self._initial_negatives * (1.0 - share) + self._num_negatives * share)


@SpanSampler.register("all_spans")
class AllSpans(SpanSampler):
    """
    Keeps all candidates: training without under-sampling, the comparison in the paper's Figure 2.

    Registered as a `SpanSampler` with name "all_spans".
    """

    @override
    def forward(self, labels: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return mask


def sample_without_replacement(mask: torch.Tensor, number: int) -> torch.Tensor:
    """
    Draw entries of each row uniformly and without replacement, from torch's global generator.

    # Parameters

    mask : `torch.BoolTensor`
        Shape `(batch_size, num_entries)`: the entries to draw from.
    number : `int`
        Per row; of a row with fewer entries, all are drawn.

    # Returns

    `torch.BoolTensor` of shape `(batch_size, num_entries)`: the drawn entries.
    """
    size = min(number, mask.size(1))
    # The largest of independent uniform numbers are a uniform sample without replacement.
    numbers = torch.rand(mask.size(), device=mask.device).masked_fill(~mask, -1.0)
    drawn = torch.zeros_like(mask).scatter_(1, numbers.topk(size, dim=1).indices, True)
    return drawn & mask
