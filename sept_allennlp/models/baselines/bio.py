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


def by_document(
    spans: torch.Tensor, labels: Sequence[str], num_documents: int
) -> List[List[AnnotatedSpan]]:
    """
    What `tagged_spans` returns, of shape `(num_entities, 4)`, as a list of entities for each
    document.
    """
    entities: List[List[AnnotatedSpan]] = [[] for _ in range(num_documents)]
    for document, start, end, label in spans.tolist():
        entities[document].append(AnnotatedSpan(start, end, labels[label]))
    return entities
