from typing import Optional

from allennlp.modules.token_embedders import TokenEmbedder

from sept_allennlp.encoders import archive_encoder, encoder_source, identify_encoder


class EncoderEmbedder(TokenEmbedder):
    """
    What embedders have in common that are made from a pre-trained encoder.

    # Parameters

    model_name : `str`
        Hub name or folder of the encoder.
    serialization_dir : `str`, optional
        Given by AllenNLP: where an archived encoder is looked for.
    """

    def __init__(self, model_name: str, serialization_dir: Optional[str]) -> None:
        super().__init__()
        self.model_name = model_name
        self._source = encoder_source(model_name, serialization_dir)
        # Now, because an archive's folder is gone when it is loaded.
        self.identity = identify_encoder(model_name, self._source.location)

    def archive_into(self, serialization_dir: str) -> None:
        """Puts what the encoder is made from, weights aside, where AllenNLP archives it."""
        archive_encoder(self.model_name, serialization_dir)
