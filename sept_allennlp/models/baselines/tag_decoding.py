from typing import Any

from allennlp.common.checks import ConfigurationError

from sept_allennlp.modules.decoding import Decoding


class TagDecoding(Decoding):
    """
    `Decoding` for tags, with which entities never overlap; `options` are its other parameters.

    # Raises

    `ConfigurationError` if `flat` is false, or for `soft_labels`.
    """

    def __init__(self, flat: bool = True, **options: Any) -> None:
        if not flat:
            raise ConfigurationError(
                "this model tags words, so its entities never overlap: leave out 'flat', or set "
                "it to true"
            )
        super().__init__(flat, **options)
        if self.soft_labels is not None:
            raise ConfigurationError(
                "this model tags words, so it has no probabilities of candidate spans: get soft "
                "labels from a model that scores spans, such as 'sept'"
            )
