from typing import Optional

import torch
from allennlp.modules import TextFieldEmbedder
from allennlp.modules.token_embedders import TokenEmbedder

from sept_allennlp.archives.encoders import EncoderIdentity, PretrainedEncoder


class EncoderEmbedder(TokenEmbedder):
    """
    Base class for embedders that are made from a pre-trained encoder.

    # Parameters

    model_name : `str`
        A hub name, a folder, or the archive of a trained model.
    serialization_dir : `str`, optional
        Given by AllenNLP: where an archived encoder is looked for.
    lowercase : `bool`, optional
        As for the token indexer `word_pieces`, which must have the same.
    """

    # True if there is a vector for each word piece, false if for each word.
    yields_pieces = True

    # Set by `_check_table`.
    identity: EncoderIdentity

    def __init__(
        self, model_name: str, serialization_dir: Optional[str], lowercase: Optional[bool]
    ) -> None:
        super().__init__()
        self.model_name = model_name
        self._encoder = PretrainedEncoder(model_name, serialization_dir, lowercase)

    def _check_table(self, table: torch.Tensor) -> None:
        """
        Check and identify the encoder. Constructors must call this.

        # Parameters

        table : `torch.FloatTensor`
            Shape `(vocabulary size, embedding_dim)`: the encoder's input embeddings.

        # Raises

        `ConfigurationError` if the tokenizer has pieces that have no embedding.
        """
        self._encoder.check_table(table)
        self.identity = self._encoder.identity()

    def archive_into(self, serialization_dir: str) -> None:
        """Put the encoder's configuration and tokenizer where AllenNLP archives them."""
        self._encoder.archive_into(serialization_dir)


def yields_pieces(text_field_embedder: TextFieldEmbedder) -> bool:
    """Return whether there is a vector for each word piece, and not for each word."""
    return any(
        isinstance(module, EncoderEmbedder) and module.yields_pieces
        for module in text_field_embedder.modules()
    )
