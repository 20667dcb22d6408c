from allennlp.common.checks import ConfigurationError

from sept_allennlp.modules.decoding import Decoding


class TagDecoding(Decoding):
    """
    `Decoding` for tags, by which entities never overlap.

    # Raises

    `ConfigurationError` if `flat` is false.
    """

    def __init__(self, flat: bool = True, min_score: float = 0.0, top_labels: int = 0) -> None:
        if not flat:
            raise ConfigurationError(
                "this model tags words, its entities never overlap: leave out 'flat', or make it "
                "true"
            )
        super().__init__(flat, min_score, top_labels)
