"""Constraints and entity probabilities of a linear-chain conditional random field over BIO tags."""

import torch
from allennlp.modules import ConditionalRandomField

from sept_allennlp.models.baselines.bio import begin_tags, inside_tags

# AllenNLP's score for forbidden transitions.
_IMPOSSIBLE = -10000.0


def within_sentences(logits: torch.Tensor, sentence_ids: torch.Tensor) -> torch.Tensor:
    """
    Return logits that forbid an entity to continue from one sentence into the next.

    # Parameters

    logits : `torch.FloatTensor`
        Shape `(batch_size, num_words, num_tags)`.
    sentence_ids : `torch.LongTensor`
        Shape `(batch_size, num_words)`: each word's sentence, `PADDING` beyond the document.

    # Returns

    `torch.FloatTensor` of shape `(batch_size, num_words, num_tags)`.
    """
    first_words = sentence_ids != sentence_ids.roll(1, dims=1)
    goes_on = torch.zeros(logits.size(-1), dtype=torch.bool, device=logits.device)
    # Every other tag, from the first that continues an entity.
    goes_on[inside_tags(0) :: 2] = True
    return logits.masked_fill(first_words.unsqueeze(-1) & goes_on, _IMPOSSIBLE)


def entity_probabilities(
    crf: ConditionalRandomField, logits: torch.Tensor, mask: torch.Tensor, spans: torch.Tensor
) -> torch.Tensor:
    """
    Return the probability of each span and label among the sequences of tags that the CRF allows.

    It is computed in double precision, because the scores of a long document's words add up, and on
    the CPU, because it is a loop of small steps.

    # Parameters

    crf : `ConditionalRandomField`
    logits : `torch.FloatTensor`
        Shape `(batch_size, num_words, num_tags)`.
    mask : `torch.BoolTensor`
        Shape `(batch_size, num_words)`.
    spans : `torch.LongTensor`
        Shape `(num_spans, 3)`: document, first word, last word.

    # Returns

    `torch.DoubleTensor` of shape `(num_spans, num_labels)`, on the CPU.
    """
    num_tags = logits.size(-1)
    if not len(spans):
        return torch.zeros(0, num_tags // 2)
    start, end = num_tags, num_tags + 1
    allowed = crf._constraint_mask.cpu().bool()

    def scores(parameter: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
        """Return the values of a parameter, of any shape, with which the CRF decodes."""
        return parameter.detach().cpu().double().masked_fill(~allowed, _IMPOSSIBLE)

    boundaries = crf.include_start_end_transitions
    nothing = torch.zeros(num_tags)
    # Only documents with spans, which changes their indices.
    rows, places = spans[:, 0].unique(return_inverse=True)
    return span_log_probabilities(
        logits.detach().cpu().double()[rows],
        mask.cpu()[rows],
        scores(crf.transitions, allowed[:start, :start]),
        scores(crf.start_transitions if boundaries else nothing, allowed[start, :start]),
        scores(crf.end_transitions if boundaries else nothing, allowed[:start, end]),
        torch.cat([places.unsqueeze(1), spans[:, 1:]], dim=1),
    ).exp()


def span_log_probabilities(
    logits: torch.Tensor,
    mask: torch.Tensor,
    transitions: torch.Tensor,
    starts: torch.Tensor,
    ends: torch.Tensor,
    spans: torch.Tensor,
) -> torch.Tensor:
    """
    Return the log-probability that exactly these words are an entity.

    The probability is the sum over all tag sequences in which the span's first word begins an
    entity, its other words continue it, and the next word does not, divided by the sum over all
    sequences (forward-backward algorithm; Lafferty et al. 2001).

    # Parameters

    logits : `torch.FloatTensor`
        Shape `(batch_size, num_words, num_tags)`; each document has at least one word.
    mask : `torch.BoolTensor`
        Shape `(batch_size, num_words)`.
    transitions : `torch.FloatTensor`
        Shape `(num_tags, num_tags)`: the score of the transition from one tag to another.
    starts, ends : `torch.FloatTensor`
        Shape `(num_tags,)`: the score of a document's first and last tag.
    spans : `torch.LongTensor`
        Shape `(num_spans, 3)`: document, first word, last word.

    # Returns

    `torch.FloatTensor` of shape `(num_spans, num_labels)`: for each label the logarithm of the
    probability that the span is an entity of that label.
    """
    num_words, num_tags = logits.shape[1:]
    labels = torch.arange(num_tags // 2, device=logits.device)
    begin, inside = begin_tags(labels), inside_tags(labels)

    # Shape (each entry): (batch_size, num_tags): up to a word and its tag, and behind it.
    forward = [starts + logits[:, 0]]
    for word in range(1, num_words):
        arriving = (forward[-1].unsqueeze(2) + transitions).logsumexp(dim=1)
        forward.append(arriving + logits[:, word])
    backward = [ends.expand_as(forward[0])]
    for word in range(num_words - 1, 0, -1):
        leaving = (transitions + (logits[:, word] + backward[-1]).unsqueeze(1)).logsumexp(dim=2)
        backward.append(torch.where(mask[:, word].unsqueeze(1), leaving, ends))
    # Shape: (batch_size, num_words, num_tags)
    before, behind = torch.stack(forward, dim=1), torch.stack(backward[::-1], dim=1)
    # Shape: (batch_size,)
    total = (before[:, 0] + behind[:, 0]).logsumexp(dim=-1)

    document, first, last = spans.unbind(dim=1)
    # Shape: (batch_size, num_words, num_labels): going on with an entity up to a word.
    going_on = (logits[..., inside] + transitions[inside, inside]).cumsum(dim=1)
    # Shape (this and all below): (num_spans, num_labels)
    several_words = (last > first).unsqueeze(1)
    within = going_on[document, last] - going_on[document, first]
    within = within + transitions[begin, inside] - transitions[inside, inside]
    within = within.masked_fill(~several_words, 0.0)

    last_tag = torch.where(several_words, inside, begin)
    leaving = transitions.index_fill(1, inside, -torch.inf)
    following = (last + 1).clamp(max=num_words - 1)
    # Shape: (num_spans, 1, num_tags)
    rest = (logits[document, following] + behind[document, following]).unsqueeze(1)
    after = torch.where(
        several_words,
        (leaving[inside] + rest).logsumexp(dim=-1),
        (leaving[begin] + rest).logsumexp(dim=-1),
    )
    ends_document = (last + 1 == mask.sum(dim=1)[document]).unsqueeze(1)
    after = torch.where(ends_document, ends[last_tag], after)
    return before[document, first][:, begin] + within + after - total[document].unsqueeze(1)
