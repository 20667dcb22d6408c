from typing import Optional

import torch
from allennlp.modules.token_embedders import TokenEmbedder
from transformers import AutoModel

from sept_allennlp.modules.token_embedders.encoder_embedder import EncoderEmbedder


@TokenEmbedder.register("static_word_pieces")
class StaticWordPieceEmbedder(EncoderEmbedder):
    """
    The table of input embeddings of a pre-trained encoder, for the `word_pieces` token indexer.

    The embedding of a word piece does not depend on its neighbors, and costs next to nothing.

    Registered as a `TokenEmbedder` with name "static_word_pieces".

    # Parameters

    model_name : `str`
        A hub name, a folder, or the archive of a trained model.
    train_parameters : `bool`, optional (default = `False`)
    serialization_dir : `str`, optional
        Given by AllenNLP: where an archived encoder is looked for.
    lowercase : `bool`, optional
        As for the token indexer, which must have the same.

    # Raises

    `ConfigurationError` if the tokenizer has pieces that have no embedding.
    """

    def __init__(
        self,
        model_name: str,
        *,
        train_parameters: bool = False,
        serialization_dir: Optional[str] = None,
        lowercase: Optional[bool] = None,
    ) -> None:
        super().__init__(model_name, serialization_dir, lowercase)
        encoder = self._encoder
        if encoder.archived:
            # The weights come with the model's; only their shape is needed.
            with torch.device("meta"):
                model = AutoModel.from_config(encoder.config, trust_remote_code=False)
            weight = torch.empty(model.get_input_embeddings().weight.size())
        else:
            model = AutoModel.from_pretrained(encoder.location)
            weight = model.get_input_embeddings().weight.data
        self._check_table(weight)
        self._embedding = torch.nn.Embedding.from_pretrained(weight, freeze=not train_parameters)

    def get_output_dim(self) -> int:
        """Return the width of the table, which is the encoder's `hidden_size` or less."""
        return self._embedding.embedding_dim

    def forward(
        self,
        token_ids: torch.Tensor,
        mask: torch.Tensor,
        wordpiece_mask: torch.Tensor,
        piece_offsets: torch.Tensor,
    ) -> torch.Tensor:
        """
        Return an embedding of each piece, of shape `(batch_size, num_pieces, embedding_dim)`.

        The parameters are those of `word_pieces`; only `token_ids` is used.
        """
        return self._embedding(token_ids)
