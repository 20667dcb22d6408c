from typing import Optional

import torch
from allennlp.modules.token_embedders import TokenEmbedder
from transformers import AutoConfig, AutoModel

from sept_allennlp.modules.token_embedders.encoder_embedder import EncoderEmbedder


@TokenEmbedder.register("static_word_pieces")
class StaticWordPieceEmbedder(EncoderEmbedder):
    """
    The table of input embeddings of a pre-trained encoder alone: an embedding of every word piece
    that knows nothing of its neighbors and costs next to nothing. For the `word_pieces` token
    indexer.

    Registered as a `TokenEmbedder` with name "static_word_pieces".

    # Parameters

    model_name : `str`
        Hub name or folder of the encoder.
    train_parameters : `bool`, optional (default = `False`)
    serialization_dir : `str`, optional
        Given by AllenNLP: where an archived encoder is looked for.
    """

    def __init__(
        self,
        model_name: str,
        *,
        train_parameters: bool = False,
        serialization_dir: Optional[str] = None,
    ) -> None:
        super().__init__(model_name, serialization_dir)
        location = self._source.location
        if self._source.archived:
            # The weights come with the model's; only their shape is needed.
            config = AutoConfig.from_pretrained(location, trust_remote_code=False)
            with torch.device("meta"):
                table = AutoModel.from_config(
                    config, trust_remote_code=False
                ).get_input_embeddings()
            weight = torch.empty(table.weight.size())
        else:
            weight = AutoModel.from_pretrained(location).get_input_embeddings().weight.data
        self._identify(weight)
        self._embedding = torch.nn.Embedding.from_pretrained(weight, freeze=not train_parameters)

    def get_output_dim(self) -> int:
        """The width of the encoder's table of input embeddings, its `hidden_size` or less."""
        return self._embedding.embedding_dim

    def forward(
        self,
        token_ids: torch.Tensor,
        mask: torch.Tensor,
        wordpiece_mask: torch.Tensor,
        piece_offsets: torch.Tensor,
    ) -> torch.Tensor:
        """
        # Parameters

        As for `word_pieces`; only `token_ids` is used.

        # Returns

        `torch.FloatTensor` of shape `(batch_size, num_pieces, embedding_dim)`.
        """
        return self._embedding(token_ids)
