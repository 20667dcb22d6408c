"""What the losses of several models have in common."""

from typing import List, Optional

import torch
from allennlp.common.checks import ConfigurationError

from sept_runtime.documents import Document


def mean_over_documents(
    losses: torch.Tensor, mask: torch.Tensor, annotated: List[bool], documents: List[Document]
) -> torch.Tensor:
    """
    The losses summed over each annotated document, and the mean of these sums. A document without
    words is no document to take a mean over.

    # Parameters

    losses : `torch.FloatTensor`
        Shape `(number of true entries in the mask,)`.
    mask : `torch.BoolTensor`
        Shape `(batch_size, num_entries)`.
    annotated : `List[bool]`
    documents : `List[Document]`
    """
    with_words = [bool(document.sentences) for document in documents]
    # Shape: (batch_size,)
    counts = torch.tensor([annotated, with_words], device=mask.device).all(dim=0)
    counted = counts.unsqueeze(1).expand_as(mask)[mask]
    return (losses * counted).sum() / counts.sum().clamp(min=1)


def zero_loss(model: torch.nn.Module) -> torch.Tensor:
    """
    The loss, a scalar, of a batch in which there is nothing to learn from: every parameter gets a
    gradient, or in distributed training the other processes would wait for it for ever.
    """
    sums = [p.sum() for p in model.parameters() if p.requires_grad]
    return 0.0 * torch.stack(sums).sum()


def are_taught(documents: List[Document], soft: Optional[torch.Tensor]) -> List[bool]:
    """For each document whether there are soft labels to learn from, of which `soft` is made."""
    return [soft is not None and document.soft is not None for document in documents]


def check_not_given(
    relations: Optional[torch.Tensor] = None, soft_labels: Optional[torch.Tensor] = None
) -> None:
    """
    # Parameters

    relations, soft_labels : `torch.Tensor`, optional
        What a dataset reader gives that the model does not learn.

    # Raises

    `ConfigurationError` for either.
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


def check_annotated(documents: List[Document], soft: Optional[torch.Tensor] = None) -> None:
    """
    # Parameters

    documents : `List[Document]`
    soft : `torch.Tensor`, optional
        As for `SpanClassifier.forward`, of models that learn from soft labels, too.

    # Raises

    `ConfigurationError` if one of the documents, which are to be trained on, is not annotated.
    """
    for document, is_taught in zip(documents, are_taught(documents, soft)):
        if document.entities is None and not is_taught:
            hint = ""
            if document.soft is not None:
                hint = "; to learn from its 'soft_ner', set dataset_reader.soft_labels to true"
            raise ConfigurationError(
                f"{document.describe()}: cannot train on a document without 'ner'{hint}"
            )
