from contextlib import contextmanager
from typing import Any, Dict, Iterator, Optional

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.models import Model
from allennlp.training.metrics import Perplexity
from torch.nn.functional import cross_entropy
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
)
from transformers.utils import logging
from typing_extensions import override

from sept_allennlp.archives.encoders import PretrainedEncoder
from sept_allennlp.modules.bfloat16 import Bfloat16Encoder
from sept_allennlp.modules.token_embedders import WordPieceEmbedder


@Model.register("masked_lm")
class MaskedLanguageModel(Model, Bfloat16Encoder):
    """
    An encoder that continues to learn to guess masked word pieces, in texts of its domain.

    Encoders that come without a head for that, such as those for sentence vectors, get a new one,
    whose output embeddings are the encoder's input embeddings.

    AllenNLP-models' `masked_language_model` was "developed for use in a demo, not for training", as
    it says itself.

    Registered as a `Model` with name "masked_lm".

    # Parameters

    vocab : `Vocabulary`
        Not used: the pieces' indices are the encoder's own.
    model_name : `str`
        A hub name, a folder, or the archive of a trained model.
    dropout : `float`, optional (default = the encoder's own)
        All dropout inside the encoder while it is adapted. The encoder that is written keeps its
        own.

    # Raises

    `ConfigurationError` for an encoder that has no masked language model, or has a decoder as well.
    """

    def __init__(
        self,
        vocab: Vocabulary,
        model_name: str,
        dropout: Optional[float] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(vocab, **kwargs)
        encoder = PretrainedEncoder(model_name)
        self._location = encoder.location
        config = _with_dropout(encoder.config, dropout)
        if type(config) not in AutoModelForMaskedLM._model_mapping.keys():
            raise _not_adaptable(model_name, config, "transformers has no masked language model")
        if config.is_encoder_decoder:
            raise _not_adaptable(model_name, config, "it has a decoder as well")
        with _without_warning_of_new_heads():
            self.network = AutoModelForMaskedLM.from_pretrained(self._location, config=config)
        # An encoder that SEPT cannot use is refused before it is adapted.
        WordPieceEmbedder(model_name)
        self._head = _head(self.network)
        self._perplexity = Perplexity()

    def forward(self, pieces: torch.Tensor, targets: torch.Tensor) -> Dict[str, torch.Tensor]:
        """
        Return the `loss`, the mean cross-entropy of the guesses.

        # Parameters

        pieces : `torch.LongTensor`
            Shape `(batch_size, block_length)`: what the encoder sees.
        targets : `torch.LongTensor`
            Shape `(batch_size, block_length)`: the original pieces where it is to guess, -100
            everywhere else.
        """
        guessed = targets != -100
        with self.precision(pieces.device):
            # Shape: (num_guesses, vocabulary size)
            if self._head is None:
                logits = self.network(input_ids=pieces).logits[guessed]
            else:
                # Shape: (batch_size, block_length, embedding_dim)
                encoded = self.network.base_model(input_ids=pieces)[0]
                # The head costs as much as the encoder of a small model, so it sees no other
                # pieces.
                logits = self._head(encoded[guessed])
        # A sum of nothing is 0, a mean is not.
        loss = cross_entropy(logits.float(), targets[guessed], reduction="sum")
        loss = loss / guessed.sum().clamp(min=1)
        self._perplexity(loss.detach())
        return {"loss": loss}

    @override
    def get_metrics(self, reset: bool = False) -> Dict[str, float]:
        return {"perplexity": float(self._perplexity.get_metric(reset))}

    def write_encoder(self, folder: str) -> None:
        """
        Write the encoder with its tokenizer, without the head, in Hugging Face's format.

        `SEPT_ENCODER` takes the folder. Parts that are not trained here, such as a pooler, are
        those of the original encoder.
        """
        encoder = AutoModel.from_pretrained(self._location)
        encoder.load_state_dict(
            {**encoder.state_dict(), **self.network.base_model.state_dict()}, strict=True
        )
        AutoTokenizer.from_pretrained(self._location).save_pretrained(folder)
        encoder.save_pretrained(folder)


def _with_dropout(config: PretrainedConfig, dropout: Optional[float]) -> PretrainedConfig:
    """Return a configuration with one value for everything that it calls dropout."""
    if dropout is None:
        return config
    values = config.to_dict()
    names = [
        name
        for name, value in values.items()
        if "dropout" in name and isinstance(value, float) and "classif" not in name
    ]
    return type(config).from_dict({**values, **dict.fromkeys(names, dropout)})


def _not_adaptable(model_name: str, config: PretrainedConfig, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"{model_name}: an encoder of type {config.model_type!r} cannot be adapted by masked "
        f"language modeling, because {reason}"
    )


def _head(network: PreTrainedModel) -> Optional[torch.nn.Module]:
    """Return the head of a network that consists of an encoder and one head."""
    parts = dict(network.named_children())
    parts.pop(network.base_model_prefix, None)
    return next(iter(parts.values())) if len(parts) == 1 else None


@contextmanager
def _without_warning_of_new_heads() -> Iterator[None]:
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
