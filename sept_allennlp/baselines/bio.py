"""
Entities as BIO tags, one tag a word, and back: pure functions over tensors.

Tag `OUTSIDE` says that a word belongs to no entity; an entity of label `i` begins with tag
`2 * i + 1` and goes on with tag `2 * i + 2`.
"""

from typing import List, Sequence, TypeVar

import torch

from sept_allennlp.modules.candidate_spans import PADDING
from sept_runtime.documents import AnnotatedSpan

# The tag of a word that belongs to no entity.
OUTSIDE = 0

Index = TypeVar("Index", int, torch.Tensor)


def tag_names(labels: Sequence[str]) -> List[str]:
    """What the tags are called, in their order."""
    return ["O"] + [f"{prefix}-{label}" for label in labels for prefix in ("B", "I")]


def begin_tags(labels: Index) -> Index:
    """The tags that entities of these labels begin with."""
    return 2 * labels + 1


def inside_tags(labels: Index) -> Index:
    """The tags of the other words of entities of these labels."""
    return 2 * labels + 2


def tag_gold(gold: torch.Tensor, num_words: int) -> torch.Tensor:
    """
    The tags of annotated documents.

    A word has one tag, so of entities that share a word only one can be tagged: the widest, and of
    two as wide the one that starts first.

    # Parameters

    gold : `torch.LongTensor`
        Shape `(batch_size, num_gold, 3)`: first word, last word, label index; `PADDING` beyond a
        document's entities.
    num_words : `int`

    # Returns

    `torch.LongTensor` of shape `(batch_size, num_words)`.
    """
    tags = []
    # One after the other: a document has few entities, and each depends on those before.
    for entities in gold.tolist():
        row = [OUTSIDE] * num_words
        for start, end, label in sorted(entities, key=lambda span: (span[0] - span[1], span)):
            if start != PADDING and not any(row[start : end + 1]):
                row[start : end + 1] = [inside_tags(label)] * (end + 1 - start)
                row[start] = begin_tags(label)
        tags.append(row)
    return torch.tensor(tags, dtype=torch.long, device=gold.device)


def tagged_spans(tags: torch.Tensor) -> torch.Tensor:
    """
    The entities that valid tags (no entity goes on that has not begun) speak of.

    # Parameters

    tags : `torch.LongTensor`
        Shape `(batch_size, num_words)`, `OUTSIDE` beyond the document.

    # Returns

    `torch.LongTensor` of shape `(num_entities, 4)`: document, first word, last word, label index;
    ordered by document and place.
    """
    begins = tags % 2 == 1
    inside = (tags != OUTSIDE) & ~begins
    goes_on = torch.nn.functional.pad(inside[:, 1:], (0, 1)) if tags.size(1) else inside
    # Both in the same order, because entities follow one another.
    documents, starts = begins.nonzero(as_tuple=True)
    _, ends = ((begins | inside) & ~goes_on).nonzero(as_tuple=True)
    labels = (tags[documents, starts] - 1).div(2, rounding_mode="floor")
    return torch.stack([documents, starts, ends, labels], dim=1)


def span_log_probabilities(
    logits: torch.Tensor,
    mask: torch.Tensor,
    transitions: torch.Tensor,
    starts: torch.Tensor,
    ends: torch.Tensor,
    spans: torch.Tensor,
) -> torch.Tensor:
    """
    How probable it is in a linear-chain conditional random field over BIO tags that exactly these
    words are an entity: the sum over all tag sequences in which the span's first word begins an
    entity, its other words go on with it, and the word behind it does not, divided by the sum over
    all sequences (forward-backward algorithm; Lafferty et al. 2001).

    # Parameters

    logits : `torch.FloatTensor`
        Shape `(batch_size, num_words, num_tags)`; each document has at least one word.
    mask : `torch.BoolTensor`
        Shape `(batch_size, num_words)`.
    transitions : `torch.FloatTensor`
        Shape `(num_tags, num_tags)`: the score of going from one tag to another.
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


def by_document(
    spans: torch.Tensor, labels: Sequence[str], num_documents: int
) -> List[List[AnnotatedSpan]]:
    """What `tagged_spans` returns, as a list of entities for each document."""
    entities: List[List[AnnotatedSpan]] = [[] for _ in range(num_documents)]
    for document, start, end, label in spans.tolist():
        entities[document].append(AnnotatedSpan(start, end, labels[label]))
    return entities
