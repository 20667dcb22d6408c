import threading
from typing import Any, Optional

import torch
from allennlp.modules.elmo_lstm import ElmoLstm
from allennlp.modules.token_embedders import ElmoTokenEmbedder, TokenEmbedder

from sept_allennlp.models.baselines.elmo_files import archive_elmo, elmo_files

# AllenNLP's ELMo works with a state that it keeps in itself, where two threads would meet. One lock
# for all, because one of its own could not be copied or pickled with it.
_ONE_AT_A_TIME = threading.Lock()


@TokenEmbedder.register("elmo")
class ElmoEmbedder(ElmoTokenEmbedder):
    """
    AllenNLP's ELMo (Peters et al. 2018), for archives that need none of its files, and with
    embeddings that depend on the document alone.

    AllenNLP's ELMo goes into each batch with the state that the batch before has left, which makes
    a prediction depend on what was predicted earlier. Here every document begins afresh.

    Used with AllenNLP's `elmo_characters` token indexer. Registered as a `TokenEmbedder` with name
    "elmo".

    # Parameters

    options_file, weight_file : `str`
        Files or addresses.
    serialization_dir : `str`, optional
        Given by AllenNLP: where archived options are looked for.
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
        """Puts what ELMo is made from, weights aside, where AllenNLP archives it."""
        archive_elmo(self._options_file, serialization_dir)

    def forward(
        self, elmo_tokens: torch.Tensor, word_inputs: Optional[torch.Tensor] = None
    ) -> torch.Tensor:
        """
        A batch of documents without words is taken, too.

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
