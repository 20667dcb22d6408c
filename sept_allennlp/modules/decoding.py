from typing import Optional

from allennlp.common import FromParams
from allennlp.common.checks import ConfigurationError

from sept_runtime.decoding import Decoding as RuntimeDecoding


class Decoding(RuntimeDecoding, FromParams):
    """
    `sept_runtime.decoding.Decoding`, as a part of a configuration.

    # Raises

    `ConfigurationError` where that raises a `ValueError`.
    """

    def __init__(
        self,
        flat: bool = False,
        min_score: float = 0.0,
        top_labels: int = 0,
        min_relation_score: float = 0.0,
        soft_labels: Optional[float] = None,
        soft_relations: Optional[float] = None,
    ) -> None:
        try:
            super().__init__(
                flat, min_score, top_labels, min_relation_score, soft_labels, soft_relations
            )
        except ValueError as error:
            raise ConfigurationError(str(error)) from None
