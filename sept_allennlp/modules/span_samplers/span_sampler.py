import torch
from allennlp.common import Registrable

from sept_runtime.decoding import NO_ENTITY


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

    def log_rates(
        self, labels: torch.Tensor, mask: torch.Tensor, keep: torch.Tensor
    ) -> torch.Tensor:
        """
        How sampling biases what is learned: the logarithm of the share of its negatives that each
        document keeps.

        Let p(y | x) be the probability that a candidate x of a document has the class y. Of the
        document's c negatives s are kept, each with the probability r = s / c, and so are all its
        entities. By Bayes' rule, a kept candidate has its class with a probability

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

        `torch.FloatTensor` of shape `(batch_size,)`: log r, which is 0 where every negative is kept
        or there is none. Where none is kept, nothing of it can be learned, and one counts as kept.
        """
        negative = mask & (labels == NO_ENTITY)
        kept = (keep & negative).sum(dim=1).clamp(min=1)
        return (kept / negative.sum(dim=1).clamp(min=1)).log()
