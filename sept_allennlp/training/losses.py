"""Losses and targets that models of spans share, and checks of their training data."""

from typing import List, Optional, Sequence

import torch
from allennlp.common.checks import ConfigurationError

from sept_allennlp.modules.candidate_spans import label_spans
from sept_runtime.decoding import NO_ENTITY
from sept_runtime.documents import Document


def mean_over_documents(
    losses: torch.Tensor, mask: torch.Tensor, annotated: Sequence[bool], documents: List[Document]
) -> torch.Tensor:
    """
    Sum losses over each document, and average these sums over the annotated documents with words.

    # Parameters

    losses : `torch.FloatTensor`
        Shape `(number of true entries in the mask,)`.
    mask : `torch.BoolTensor`
        Shape `(batch_size, num_entries)`.
    annotated : `Sequence[bool]`
        For each document whether its losses count.
    documents : `List[Document]`
    """
    with_words = [bool(document.sentences) for document in documents]
    # Shape: (batch_size,)
    counts = torch.tensor([[*annotated], with_words], device=mask.device).all(dim=0)
    counted = counts.unsqueeze(1).expand_as(mask)[mask]
    return (losses * counted).sum() / counts.sum().clamp(min=1)


def zero_loss(model: torch.nn.Module) -> torch.Tensor:
    """
    Return the loss, a scalar, of a batch in which there is nothing to learn from.

    Every parameter gets a gradient: in distributed training the other processes wait for it.
    """
    sums = [p.sum() for p in model.parameters() if p.requires_grad]
    return 0.0 * torch.stack(sums).sum()


def has_soft_labels(documents: List[Document], soft_labels: Optional[torch.Tensor]) -> List[bool]:
    """Return for each document whether the batch has a teacher's soft labels for it."""
    return [soft_labels is not None and document.soft is not None for document in documents]


def has_soft_relations(
    documents: List[Document], soft_relations: Optional[torch.Tensor]
) -> List[bool]:
    """Return for each document whether the batch has a teacher's soft labels for its pairs."""
    return [
        soft_relations is not None
        and document.soft is not None
        and document.soft.relations is not None
        for document in documents
    ]


def gold_shares(
    is_annotated: Sequence[bool], is_soft: Sequence[bool], device: torch.device
) -> torch.Tensor:
    """
    Return the weight of each document's gold labels beside a teacher's soft labels.

    It is 1 for a document with gold labels alone, 0 for one with soft labels alone, and one half
    for one with both. Shape: `(batch_size,)`.
    """
    # Shape (both): (batch_size,)
    gold, soft = torch.tensor([[*is_annotated], [*is_soft]], dtype=torch.float, device=device)
    return gold / (gold + soft).clamp(min=1.0)


def soft_targets(
    spans: torch.Tensor,
    mask: torch.Tensor,
    soft_labels: torch.Tensor,
    num_words: int,
    max_span_width: int,
) -> torch.Tensor:
    """
    Return the teacher's distribution over the classes of each candidate.

    # Parameters

    spans, mask :
        Candidates, as `enumerate_spans` returns them.
    soft_labels : `torch.FloatTensor`
        Shape `(batch_size, num_soft, 2 + num_labels)`: first word, last word, each label's
        probability; `PADDING` beyond a document's spans. Spans wider than `max_span_width` are
        ignored.
    num_words, max_span_width : `int`

    # Returns

    `torch.FloatTensor` of shape `(batch_size, num_spans, 1 + num_labels)`, each row adding up to 1.
    A candidate that `soft_labels` does not list is `NO_ENTITY` with probability 1.
    """
    batch_size, num_soft, _ = soft_labels.size()
    words = soft_labels[..., :2].long()
    numbers = torch.arange(num_soft, device=words.device).expand(batch_size, -1).unsqueeze(-1)
    # Shape: (batch_size, num_spans): 0 for a candidate that is not listed, otherwise its index
    # among the listed ones + 1, as if that were its label.
    rows = label_spans(spans, mask, torch.cat([words, numbers], dim=-1), num_words, max_span_width)
    probabilities = soft_labels[..., 2:].clamp(min=0.0)
    # They are rounded, and may add up to a little more than 1.
    sums = probabilities.sum(dim=-1, keepdim=True)
    probabilities = probabilities / sums.clamp(min=1.0)
    no_entity = 1.0 - probabilities.sum(dim=-1, keepdim=True)
    unlisted = probabilities.new_zeros(batch_size, 1, 1 + probabilities.size(-1))
    unlisted[..., NO_ENTITY] = 1.0
    # Shape: (batch_size, 1 + num_soft, 1 + num_labels)
    table = torch.cat([unlisted, torch.cat([no_entity.clamp(min=0.0), probabilities], -1)], dim=1)
    return table.gather(1, rows.unsqueeze(-1).expand(-1, -1, table.size(-1)))


def mixed_targets(
    labels: torch.Tensor, soft: torch.Tensor, is_annotated: Sequence[bool], is_soft: Sequence[bool]
) -> torch.Tensor:
    """
    Combine gold labels and soft targets of a batch, by `gold_shares`.

    # Parameters

    labels : `torch.LongTensor`
        Shape `(batch_size, num_spans)`: each candidate's class by the annotation; anything for
        padding.
    soft : `torch.FloatTensor`
        Shape `(batch_size, num_spans, num_classes)`: by the teacher, see `soft_targets`.
    is_annotated, is_soft : `Sequence[bool]`
        For each document whether it has gold labels, and whether it has soft labels.

    # Returns

    `torch.FloatTensor` of shape `(batch_size, num_spans, num_classes)`: distributions.
    """
    share = gold_shares(is_annotated, is_soft, soft.device).view(-1, 1, 1)
    gold = torch.nn.functional.one_hot(labels.clamp(min=0), soft.size(-1))
    return share * gold + (1.0 - share) * soft


def check_not_given(
    relations: Optional[torch.Tensor] = None, soft_labels: Optional[torch.Tensor] = None
) -> None:
    """
    Check that a dataset reader gives nothing that the model does not learn.

    # Raises

    `ConfigurationError` if either is given.
    """
    if relations is not None:
        raise ConfigurationError(
            "this model finds no relations: set dataset_reader.relations to false, or train one "
            "that does ('sept' with model.relations)"
        )
    if soft_labels is not None:
        raise ConfigurationError(
            "this model does not learn from soft labels: set dataset_reader.soft_labels to false"
        )


def check_annotated(documents: List[Document], soft_labels: Optional[torch.Tensor] = None) -> None:
    """
    Check that all documents of a training batch have gold labels or soft labels.

    # Parameters

    documents : `List[Document]`
    soft_labels : `torch.Tensor`, optional
        As for `SpanClassifier.forward`; only for models that learn from soft labels.

    # Raises

    `ConfigurationError` if one of the documents has neither.
    """
    for document, is_soft in zip(documents, has_soft_labels(documents, soft_labels)):
        if document.entities is None and not is_soft:
            hint = ""
            if document.soft is not None:
                hint = "; to learn from its 'soft_ner', set dataset_reader.soft_labels to true"
            raise ConfigurationError(
                f"{document.describe()}: cannot train on a document without 'ner'{hint}"
            )


def check_relations_annotated(
    documents: List[Document],
    relations: Optional[torch.Tensor],
    soft_labels: Optional[torch.Tensor] = None,
) -> None:
    """
    Check that all documents of a training batch have gold relations or soft labels.

    # Parameters

    documents : `List[Document]`
    relations, soft_labels : `torch.Tensor`, optional
        As for `SEPT.forward`. A document with soft labels for entities needs no relations.

    # Raises

    `ConfigurationError` if one of the documents has neither, and if the dataset reader gives no
    relations.
    """
    if relations is None:
        raise ConfigurationError(
            "the model is to learn relations (model.relations), but the dataset reader does not "
            "give them: set dataset_reader.relations"
        )
    for document, is_soft in zip(documents, has_soft_labels(documents, soft_labels)):
        if document.relations is None and not is_soft:
            raise ConfigurationError(
                f"{document.describe()}: cannot learn relations (model.relations) from a document "
                "without 'relations'"
            )
