from allennlp.common import FromParams
from allennlp.common.checks import ConfigurationError
from typing_extensions import override

from sept_runtime.options import Decoding as RuntimeDecoding


class Decoding(RuntimeDecoding, FromParams):
    """
    `sept_runtime.options.Decoding`, as a part of a configuration.

    # Raises

    `ConfigurationError` where the base class raises `ValueError`.
    """

    @override
    def __post_init__(self) -> None:
        try:
            super().__post_init__()
        except ValueError as error:
            raise ConfigurationError(str(error)) from None
