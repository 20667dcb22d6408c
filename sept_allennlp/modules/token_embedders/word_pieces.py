import warnings
from contextlib import contextmanager
from typing import Any, Dict, Iterator, NamedTuple, Optional

import numpy as np
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.modules.token_embedders import TokenEmbedder
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel

from sept_allennlp.modules.bfloat16 import Bfloat16Encoder
from sept_allennlp.modules.token_embedders.encoder_embedder import EncoderEmbedder

# BERT's and its relatives' name, and DistilBERT's.
_ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout")

# Pieces of the longest row with which a new encoder is tried. BigBird needs so many for its sparse
# attention.
_TRIED_LENGTH = 1024
_TRIED_PIECE = 5

# Rounding makes a thousandth of this.
_NOTABLE_DIFFERENCE = 1e-4


@TokenEmbedder.register("word_pieces")
class WordPieceEmbedder(EncoderEmbedder, Bfloat16Encoder):
    """
    The contextual embedding of every word piece of a document (paper, section 3.2).

    It embeds what the `word_pieces` token indexer yields.

    A document that the encoder cannot take at once is encoded in overlapping windows, and each
    piece's embedding is taken from the window in which it has the most context on both sides.
    Which windows a document is cut into depends on the document alone, not on its batch.

    Registered as a `TokenEmbedder` with name "word_pieces".

    # Parameters

    model_name : `str`
        A hub name, a folder, or the archive of a trained model.
    max_length : `int`, optional (default = what the encoder takes)
        Pieces in a window, special ones included.
    overlap : `int`, optional (default = a quarter of a window)
        Pieces that two neighboring windows share at least.
    windows_at_once : `int`, optional (default = `32`)
        In evaluation, the most windows to encode in one call, which bounds the memory that a very
        long document takes.
    train_parameters : `bool`, optional (default = `True`)
        If false, the encoder is frozen.
    gradient_checkpointing : `bool`, optional (default = `False`)
    attention_dropout : `float`, optional (default = the encoder's own)
        The dropout of its attention's probabilities. Without it PyTorch has a faster attention, on
        CPUs by a quarter of a training step.
    transformer_kwargs : `Dict[str, Any]`, optional
        For `AutoModel.from_pretrained`.
    serialization_dir : `str`, optional
        Given by AllenNLP: where an archived encoder is looked for.
    lowercase : `bool`, optional
        As for the token indexer, which must have the same.

    # Raises

    `ConfigurationError` if `max_length` and `overlap` are incompatible, or longer than what the
    encoder takes; for an encoder that calls the dropout of its attention otherwise; if the
    tokenizer has pieces that have no embedding; and for an encoder that does not encode rows of
    any length.
    """

    transformer_model: PreTrainedModel
    _prefix: torch.Tensor
    _suffix: torch.Tensor

    def __init__(
        self,
        model_name: str,
        *,
        max_length: Optional[int] = None,
        overlap: Optional[int] = None,
        windows_at_once: int = 32,
        train_parameters: bool = True,
        gradient_checkpointing: bool = False,
        attention_dropout: Optional[float] = None,
        transformer_kwargs: Optional[Dict[str, Any]] = None,
        serialization_dir: Optional[str] = None,
        lowercase: Optional[bool] = None,
    ) -> None:
        super().__init__(model_name, serialization_dir, lowercase)
        encoder = self._encoder
        # Not from AllenNLP's cache: that would keep a second copy of the encoder in memory, and
        # give every embedder of the process the first one's `transformer_kwargs`.
        kwargs = transformer_kwargs or {}
        if attention_dropout is not None:
            kwargs = {_attention_dropout_argument(encoder.config): attention_dropout, **kwargs}
        if encoder.archived:
            # The weights come with the model's, and code comes with no archive.
            kwargs = {**kwargs, "trust_remote_code": False}
            config = AutoConfig.from_pretrained(encoder.location, **kwargs)
            self.transformer_model = _without_decoder(AutoModel.from_config(config))
        else:
            self.transformer_model = _without_decoder(
                AutoModel.from_pretrained(encoder.location, **kwargs)
            )
        self._check_table(self.transformer_model.get_input_embeddings().weight)
        # It is not used here, and distributed training allows no parameter without a gradient.
        if getattr(self.transformer_model, "pooler", None) is not None:
            self.transformer_model.pooler = None
        if gradient_checkpointing:
            self.transformer_model.gradient_checkpointing_enable()
        self.transformer_model.requires_grad_(train_parameters)

        prefix, suffix = encoder.special_pieces()
        self.register_buffer("_prefix", torch.tensor(prefix, dtype=torch.long), persistent=False)
        self.register_buffer("_suffix", torch.tensor(suffix, dtype=torch.long), persistent=False)
        self.padding_piece: int = encoder.tokenizer.pad_token_id or 0
        limit = encoder.max_pieces(self.transformer_model)
        if max_length is not None and max_length > limit:
            raise ConfigurationError(
                f"max_length {max_length} is too long: {model_name} takes {limit} pieces at once"
            )
        if windows_at_once < 1:
            raise ConfigurationError(f"windows_at_once must be at least 1, got {windows_at_once}")
        self._content = (limit if max_length is None else max_length) - len(prefix) - len(suffix)
        self._stride = self._content - (self._content // 4 if overlap is None else overlap)
        if not 0 < self._stride <= self._content:
            raise ConfigurationError(
                f"windows of {self._content} pieces cannot overlap by "
                f"{self._content - self._stride}"
            )
        self._windows_at_once = windows_at_once
        if not encoder.archived:
            self._try_out()

    def get_output_dim(self) -> int:
        """Return the encoder's `hidden_size`."""
        return self.transformer_model.config.hidden_size

    def forward(
        self,
        token_ids: torch.Tensor,
        mask: torch.Tensor,
        wordpiece_mask: torch.Tensor,
        piece_offsets: torch.Tensor,
    ) -> torch.Tensor:
        """
        Return an embedding of each piece, of shape `(batch_size, num_pieces, embedding_dim)`.

        # Parameters

        token_ids : `torch.LongTensor`
            Shape `(batch_size, num_pieces)`, without special pieces.
        mask : `torch.BoolTensor`
            Shape `(batch_size, num_words)`; not used here.
        wordpiece_mask : `torch.BoolTensor`
            Shape `(batch_size, num_pieces)`.
        piece_offsets : `torch.LongTensor`
            Shape `(batch_size, num_words, 2)`; not used here.
        """
        if token_ids.size(1) <= self._content:
            return self._encode(token_ids, wordpiece_mask)

        windows = _windows(wordpiece_mask.sum(dim=1), self._content, self._stride)
        # Shape: (num_windows, content)
        columns = windows.start.unsqueeze(1) + torch.arange(self._content, device=mask.device)
        inside = columns < token_ids.size(1)
        columns = columns.clamp(max=token_ids.size(1) - 1)
        rows = windows.document.unsqueeze(1)
        window_mask = wordpiece_mask[rows, columns] & inside
        window_ids = token_ids[rows, columns]

        size = len(window_ids) if self.training else self._windows_at_once
        # Shape: (num_windows, content, embedding_dim)
        encoded = torch.cat(
            [
                self._encode(ids, pieces)
                for ids, pieces in zip(window_ids.split(size), window_mask.split(size))
            ]
        )
        # Shape (each): (batch_size, num_pieces)
        window = windows.best_for_each_piece(token_ids.size(1))
        column = torch.arange(token_ids.size(1), device=mask.device) - windows.start[window]
        return encoded[window, column.clamp(0, self._content - 1)]

    def _try_out(self) -> None:
        """
        Encode a few rows, so that an encoder that cannot work is refused before it is trained.

        # Raises

        `ConfigurationError` with the encoder's own reason.
        """
        kind = self.transformer_model.config.model_type
        longest = min(self._content, _TRIED_LENGTH)
        lengths = torch.tensor([[longest], [max(1, longest // 3)], [1]])
        mask = torch.arange(longest) < lengths
        ids = self._prefix.new_full(mask.size(), _TRIED_PIECE)
        training = self.transformer_model.training
        self.transformer_model.eval()
        try:
            with torch.no_grad(), _unchanged_randomness():
                together = self._encode(ids, mask)
                row, length = 1, int(lengths[1])
                alone = self._encode(ids[row : row + 1, :length], mask[row : row + 1, :length])
                difference = (together[row, :length] - alone[0]).abs().max().item()
        except Exception as error:
            reason = str(error).strip().split("\n")[0]
            raise ConfigurationError(
                f"{self.model_name}: an encoder of type {kind!r} cannot be used. A trial with rows "
                f"of different lengths ended in: {reason}"
            ) from error
        finally:
            self.transformer_model.train(training)
            # BigBird changes it when it sees a short row.
            if hasattr(self.transformer_model, "set_attention_type"):
                self.transformer_model.set_attention_type(
                    self.transformer_model.config.attention_type
                )
        if not difference < _NOTABLE_DIFFERENCE * alone.abs().max().item():
            warnings.warn(
                f"{self.model_name}: the vectors that an encoder of type {kind!r} gives to a "
                f"document "
                f"depend on the other documents of its batch (by {difference:.1e} in a trial), and "
                "so will predictions.",
                stacklevel=2,
            )

    def _encode(self, token_ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """
        Encode rows of pieces, with the special pieces around each row's.

        `token_ids` has shape `(num_rows, num_pieces)`, the result `(num_rows, num_pieces,
        embedding_dim)`.
        """
        batch_size, num_pieces = token_ids.size()
        num_prefix = len(self._prefix)
        lengths = mask.sum(dim=1, keepdim=True)
        # Shape: (batch_size, num_prefix + num_pieces + num_suffix)
        ids = torch.cat(
            [
                self._prefix.expand(batch_size, -1),
                token_ids.masked_fill(~mask, self.padding_piece),
                token_ids.new_full((batch_size, len(self._suffix)), self.padding_piece),
            ],
            dim=1,
        )
        after_last = num_prefix + lengths + torch.arange(len(self._suffix), device=ids.device)
        ids = ids.scatter(1, after_last, self._suffix.expand(batch_size, -1))
        num_used = num_prefix + lengths + len(self._suffix)
        attention_mask = torch.arange(ids.size(1), device=ids.device) < num_used
        with self.precision(ids.device):
            outputs = self.transformer_model(input_ids=ids, attention_mask=attention_mask.long())
        return outputs.last_hidden_state[:, num_prefix : num_prefix + num_pieces].float()


class _Windows(NamedTuple):
    """
    The windows of a batch of documents, those of each document in order.

    `document` and `start` have shape `(num_windows,)`: the window's document and its first piece;
    `first` has shape `(batch_size,)`: each document's first window; `borders` has shape
    `(batch_size, most windows of a document - 1)`: the piece from which on the next window is the
    better one, beyond every piece where there is no next.
    """

    document: torch.Tensor
    start: torch.Tensor
    first: torch.Tensor
    borders: torch.Tensor

    def best_for_each_piece(self, num_pieces: int) -> torch.Tensor:
        """
        Return the window in which each piece has the most context.

        Shape `(batch_size, num_pieces)`.
        """
        pieces = torch.arange(num_pieces, device=self.first.device).expand(len(self.first), -1)
        passed = torch.searchsorted(self.borders, pieces.contiguous(), right=True)
        return self.first.unsqueeze(1) + passed


def _windows(lengths: torch.Tensor, content: int, stride: int) -> _Windows:
    """
    Return windows of `content` pieces, `stride` apart, over documents of the given lengths.

    `lengths` has shape `(batch_size,)`. A document's last window is moved back to end where the
    document does.
    """
    last_start = (lengths - content).clamp(min=0)
    # Shape: (batch_size,)
    counts = 1 + (last_start + stride - 1).div(stride, rounding_mode="floor")
    # Shape: (batch_size, most windows of a document)
    indices = torch.arange(int(counts.max()), device=lengths.device)
    starts = torch.minimum(indices * stride, last_start.unsqueeze(1))
    exists = indices < counts.unsqueeze(1)
    # Two neighbors share the pieces from the later's start to the earlier's end; the border lies
    # in the middle.
    borders = (starts[:, 1:] + starts[:, :-1] + content).div(2, rounding_mode="floor")
    borders = borders.masked_fill(~exists[:, 1:], torch.iinfo(torch.long).max)
    return _Windows(
        document=exists.nonzero()[:, 0],
        start=starts[exists],
        first=counts.cumsum(0) - counts,
        borders=borders.contiguous(),
    )


def _without_decoder(model: PreTrainedModel) -> PreTrainedModel:
    """Return the encoder of a model that also has a decoder, such as T5 and BART."""
    return model.get_encoder() if model.config.is_encoder_decoder else model


@contextmanager
def _unchanged_randomness() -> Iterator[None]:
    """Leave the random generators as they were: BigBird draws from numpy's in each call."""
    state = np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        np.random.set_state(state)


def _attention_dropout_argument(config: PretrainedConfig) -> str:
    """Return the name under which a configuration has the dropout of attention."""
    for name in _ATTENTION_DROPOUT:
        if hasattr(config, name):
            return name
    raise ConfigurationError(
        f"attention_dropout: an encoder of type {config.model_type} has neither "
        f"{' nor '.join(_ATTENTION_DROPOUT)}; set attention_dropout to null, and give the "
        "encoder's own option in transformer_kwargs"
    )
