from contextlib import contextmanager
from typing import Any, Dict, Iterator, Optional

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.models import Model
from allennlp.training.metrics import Perplexity
from torch.nn.functional import cross_entropy
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer, PreTrainedModel
from transformers.utils import logging

from sept_allennlp.archives.encoders import encoder_source
from sept_allennlp.modules.bfloat16 import Bfloat16Encoder


@Model.register("masked_lm")
class MaskedLanguageModel(Model, Bfloat16Encoder):
    """
    An encoder that goes on learning to guess masked word pieces, in texts of the domain that it is
    for. Encoders that come without a head for that, such as those for sentence vectors, get a new
    one, whose output embeddings are the encoder's input embeddings.

    AllenNLP-models' `masked_language_model` was "developed for use in a demo, not for training", as
    it says itself.

    Registered as a `Model` with name "masked_lm".

    # Parameters

    vocab : `Vocabulary`
        Is not used: the pieces' indices are the encoder's own.
    model_name : `str`
        Hub name or folder of the encoder.
    transformer_kwargs : `Dict[str, Any]`, optional
        For `AutoModelForMaskedLM.from_pretrained`; of what it changes, dropout for example, nothing
        is in the encoder that is written.

    # Raises

    `ConfigurationError` for an encoder whose masked language model is not an encoder and one head.
    """

    def __init__(
        self,
        vocab: Vocabulary,
        model_name: str,
        transformer_kwargs: Optional[Dict[str, Any]] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(vocab, **kwargs)
        self._location = encoder_source(model_name, None).location
        with _without_a_word_about_new_heads():
            self.network = AutoModelForMaskedLM.from_pretrained(
                self._location, **(transformer_kwargs or {})
            )
        self._head = _head(self.network, model_name)
        self._perplexity = Perplexity()

    def forward(self, pieces: torch.Tensor, targets: torch.Tensor) -> Dict[str, torch.Tensor]:
        """
        # Parameters

        pieces : `torch.LongTensor`
            Shape `(batch_size, block_length)`: what the encoder sees.
        targets : `torch.LongTensor`
            Shape `(batch_size, block_length)`: the right pieces where it is to guess, -100
            everywhere else.

        # Returns

        `loss`, the mean cross-entropy of the guesses.
        """
        guessed = targets != -100
        with self.precision(pieces.device):
            # Shape: (batch_size, block_length, embedding_dim)
            encoded = self.network.base_model(input_ids=pieces)[0]
            # The head costs as much as the encoder of a small model, so it sees no other pieces.
            # Shape: (num_guesses, vocabulary size)
            logits = self._head(encoded[guessed])
        # A sum of nothing is 0, a mean is not.
        loss = cross_entropy(logits.float(), targets[guessed], reduction="sum")
        loss = loss / guessed.sum().clamp(min=1)
        self._perplexity(loss.detach())
        return {"loss": loss}

    def get_metrics(self, reset: bool = False) -> Dict[str, float]:
        """`perplexity` of the guesses since the last reset."""
        return {"perplexity": float(self._perplexity.get_metric(reset))}

    def write_encoder(self, folder: str) -> None:
        """
        Writes the encoder, without the head, in Hugging Face's format, as `SEPT_ENCODER` takes it:
        with its tokenizer, and with those parts of the one it was made from that have not learned
        anything here.
        """
        encoder = AutoModel.from_pretrained(self._location)
        encoder.load_state_dict(
            {**encoder.state_dict(), **self.network.base_model.state_dict()}, strict=True
        )
        AutoTokenizer.from_pretrained(self._location).save_pretrained(folder)
        encoder.save_pretrained(folder)


def _head(network: PreTrainedModel, model_name: str) -> torch.nn.Module:
    parts = dict(network.named_children())
    parts.pop(network.base_model_prefix, None)
    if len(parts) != 1:
        found = ", ".join(parts) or "nothing"
        raise ConfigurationError(
            f"{model_name}: an encoder of the kind {network.config.model_type!r} cannot be adapted "
            f"here: beside the encoder its masked language model has {found}, and not one head"
        )
    (head,) = parts.values()
    return head


@contextmanager
def _without_a_word_about_new_heads() -> Iterator[None]:
    # That the head is new, and wants to be trained, is what we are here for.
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
