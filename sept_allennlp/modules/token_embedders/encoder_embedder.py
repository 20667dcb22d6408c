from typing import Optional

import torch
from allennlp.modules import TextFieldEmbedder
from allennlp.modules.token_embedders import TokenEmbedder

from sept_allennlp.archives.encoders import (
    EncoderIdentity,
    archive_encoder,
    encoder_source,
    identify_encoder,
)


class EncoderEmbedder(TokenEmbedder):
    """
    What embedders have in common that are made from a pre-trained encoder.

    # Parameters

    model_name : `str`
        Hub name or folder of the encoder.
    serialization_dir : `str`, optional
        Given by AllenNLP: where an archived encoder is looked for.
    """

    # Whether there is a vector for each word piece, and not for each word.
    yields_pieces = True

    # Set by `_identify`.
    identity: EncoderIdentity

    def __init__(self, model_name: str, serialization_dir: Optional[str]) -> None:
        super().__init__()
        self.model_name = model_name
        self._source = encoder_source(model_name, serialization_dir)

    def _identify(self, table: torch.Tensor) -> None:
        """
        To be called by constructors, because an archive's folder is gone when it is loaded.

        # Parameters

        table : `torch.FloatTensor`
            Shape `(vocabulary size, embedding_dim)`: the encoder's input embeddings as pre-trained;
            not looked at where it is archived.
        """
        self.identity = identify_encoder(self.model_name, self._source, table)

    def archive_into(self, serialization_dir: str) -> None:
        """Puts what the encoder is made from, weights aside, where AllenNLP archives it."""
        archive_encoder(self.model_name, serialization_dir, self.identity.weights)


def yields_pieces(text_field_embedder: TextFieldEmbedder) -> bool:
    """Whether there is a vector for each word piece, and not for each word."""
    return any(
        isinstance(module, EncoderEmbedder) and module.yields_pieces
        for module in text_field_embedder.modules()
    )
