from typing import Optional

from allennlp.common.checks import ConfigurationError

from sept_allennlp.modules.decoding import Decoding


class TagDecoding(Decoding):
    """
    `Decoding` for tags, by which entities never overlap.

    # Raises

    `ConfigurationError` if `flat` is false, or for `soft_labels`.
    """

    def __init__(
        self,
        flat: bool = True,
        min_score: float = 0.0,
        top_labels: int = 0,
        soft_labels: Optional[float] = None,
    ) -> None:
        if not flat:
            raise ConfigurationError(
                "this model tags words, its entities never overlap: leave out 'flat', or make it "
                "true"
            )
        if soft_labels is not None:
            raise ConfigurationError(
                "this model tags words, and has no probabilities of candidate spans: soft labels "
                "come from a model of spans, such as 'sept'"
            )
        super().__init__(flat, min_score, top_labels)
