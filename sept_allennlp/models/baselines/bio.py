"""
Convert entities to BIO tags, one for each word, and back: pure functions over tensors.

Words outside entities have the tag `OUTSIDE`. An entity of label `i` begins with tag `2 * i + 1`
and continues with tag `2 * i + 2`.
"""

from typing import List, Sequence, TypeVar

import torch

from sept_allennlp.modules.candidate_spans import PADDING
from sept_runtime.documents import AnnotatedSpan

# The tag of words outside entities.
OUTSIDE = 0

Index = TypeVar("Index", int, torch.Tensor)


def tag_names(labels: Sequence[str]) -> List[str]:
    """Return the names of the tags in their order."""
    return ["O"] + [f"{prefix}-{label}" for label in labels for prefix in ("B", "I")]


def begin_tags(labels: Index) -> Index:
    """Return the tags of the first words of entities with these labels."""
    return 2 * labels + 1


def inside_tags(labels: Index) -> Index:
    """Return the tags of the other words of entities with these labels."""
    return 2 * labels + 2


def tag_gold(gold: torch.Tensor, num_words: int) -> torch.Tensor:
    """
    Return the tags of annotated documents.

    A word has one tag, so of entities that share a word only one is tagged: the widest, and of two
    with the same width the first.

    # Parameters

    gold : `torch.LongTensor`
        Shape `(batch_size, num_gold, 3)`: first word, last word, label index; `PADDING` beyond a
        document's entities.
    num_words : `int`

    # Returns

    `torch.LongTensor` of shape `(batch_size, num_words)`.
    """
    tags = []
    # In a loop: a document has few entities, and each depends on those before.
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
    Return the entities of valid tags, in which no entity continues that has not begun.

    # Parameters

    tags : `torch.LongTensor`
        Shape `(batch_size, num_words)`, `OUTSIDE` beyond the document.

    # Returns

    `torch.LongTensor` of shape `(num_entities, 4)`: document, first word, last word, label index;
    ordered by document and first word.
    """
    begins = tags % 2 == 1
    inside = (tags != OUTSIDE) & ~begins
    goes_on = torch.nn.functional.pad(inside[:, 1:], (0, 1)) if tags.size(1) else inside
    # Both have the same order, because tagged entities do not overlap.
    documents, starts = begins.nonzero(as_tuple=True)
    _, ends = ((begins | inside) & ~goes_on).nonzero(as_tuple=True)
    labels = (tags[documents, starts] - 1).div(2, rounding_mode="floor")
    return torch.stack([documents, starts, ends, labels], dim=1)


def by_document(
    spans: torch.Tensor, labels: Sequence[str], num_documents: int
) -> List[List[AnnotatedSpan]]:
    """
    Convert the result of `tagged_spans` to a list of entities for each document.
    """
    entities: List[List[AnnotatedSpan]] = [[] for _ in range(num_documents)]
    for document, start, end, label in spans.tolist():
        entities[document].append(AnnotatedSpan(start, end, labels[label]))
    return entities
