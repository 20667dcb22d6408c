"""Parameters that follow from other parts of a model, or from the data."""

from typing import List, TypeVar

from allennlp.common import Lazy
from allennlp.data import Vocabulary

T = TypeVar("T")


def construct_with_input_dim(lazy: Lazy[T], input_dim: int) -> T:
    """
    Construct a module whose `input_dim` a configuration may give or leave out.

    AllenNLP's recurrent encoders call it `input_size`.
    """
    # AllenNLP warns about a parameter that is given twice, even with the same value.
    if "input_dim" in lazy._params or "input_size" in lazy._params:
        return lazy.construct()
    # AllenNLP passes only the one that the constructor has.
    return lazy.construct(input_dim=input_dim, input_size=input_dim)


def labels_in(vocab: Vocabulary, namespace: str) -> List[str]:
    """Return the labels of a namespace of the vocabulary, in the order of their indices."""
    label_of = vocab.get_index_to_token_vocabulary(namespace)
    return [label_of[i] for i in range(len(label_of))]
