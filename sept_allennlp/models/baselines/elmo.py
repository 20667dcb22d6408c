import threading
from typing import Any, Optional

import torch
from allennlp.modules.elmo_lstm import ElmoLstm
from allennlp.modules.token_embedders import ElmoTokenEmbedder, TokenEmbedder

from sept_allennlp.models.baselines.elmo_files import archive_elmo, elmo_files

# AllenNLP's ELMo keeps a state, which threads must not share. There is one lock for all, because a
# lock of its own could not be copied or pickled with it.
_ONE_AT_A_TIME = threading.Lock()


@TokenEmbedder.register("elmo")
class ElmoEmbedder(ElmoTokenEmbedder):
    """
    AllenNLP's ELMo (Peters et al. 2018), without state between batches.

    Its archives are self-contained. AllenNLP's ELMo starts each batch with the state that the
    previous batch has left, so that a prediction depends on earlier ones. Here every document
    starts with an empty state.

    It needs AllenNLP's `elmo_characters` token indexer. Registered as a `TokenEmbedder` with name
    "elmo".

    # Parameters

    options_file, weight_file : `str`
        Files or addresses.
    serialization_dir : `str`, optional
        Given by AllenNLP: the folder of archived options.
    kwargs :
        As for `ElmoTokenEmbedder`.
    """

    def __init__(
        self,
        options_file: str,
        weight_file: str,
        serialization_dir: Optional[str] = None,
        **kwargs: Any,
    ) -> None:
        with elmo_files(options_file, weight_file, serialization_dir) as files:
            super().__init__(*files, **kwargs)
        self._options_file = options_file

    def archive_into(self, serialization_dir: str) -> None:
        """Store ELMo's options where AllenNLP archives them."""
        archive_elmo(self._options_file, serialization_dir)

    def forward(
        self, elmo_tokens: torch.Tensor, word_inputs: Optional[torch.Tensor] = None
    ) -> torch.Tensor:
        """
        Embed words; a batch without words is allowed.

        # Parameters

        elmo_tokens : `torch.LongTensor`
            Shape `(batch_size, num_words, 50)`: each word's characters.
        word_inputs : `torch.LongTensor`, optional
            Shape `(batch_size, num_words)`, as for `ElmoTokenEmbedder`.

        # Returns

        `torch.FloatTensor` of shape `(batch_size, num_words, output_dim)`.
        """
        if not elmo_tokens.numel():
            return torch.zeros(*elmo_tokens.shape[:2], self.output_dim, device=elmo_tokens.device)
        with _ONE_AT_A_TIME:
            for module in self.modules():
                if isinstance(module, ElmoLstm):
                    module.reset_states()
            return super().forward(elmo_tokens, word_inputs)  # type: ignore[arg-type]
