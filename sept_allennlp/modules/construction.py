"""Parts whose sizes follow from other parts, so that a configuration need not state them."""

from typing import TypeVar

from allennlp.common import Lazy

T = TypeVar("T")


def construct_with_input_dim(lazy: Lazy[T], input_dim: int) -> T:
    """
    Constructs what takes an `input_dim` (or, as AllenNLP's recurrent encoders call it, an
    `input_size`), which a configuration may give or leave out.
    """
    # AllenNLP warns of a parameter that is given twice, even with the same value.
    if "input_dim" in lazy._params or "input_size" in lazy._params:
        return lazy.construct()
    # AllenNLP passes on only those that the constructor has.
    return lazy.construct(input_dim=input_dim, input_size=input_dim)
