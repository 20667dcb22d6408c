from typing import Any, Dict, NamedTuple, Optional

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.modules.token_embedders import TokenEmbedder
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel

from sept_allennlp.archives.encoders import max_pieces, special_pieces
from sept_allennlp.modules.bfloat16 import Bfloat16Encoder
from sept_allennlp.modules.token_embedders.encoder_embedder import EncoderEmbedder

# BERT's and its relatives' name, and DistilBERT's.
_ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout")


@TokenEmbedder.register("word_pieces")
class WordPieceEmbedder(EncoderEmbedder, Bfloat16Encoder):
    """
    The contextual embedding of every word piece of a document (paper, section 3.2), for what the
    `word_pieces` token indexer yields.

    A document that the encoder cannot take at once is encoded in overlapping windows, and each
    piece's embedding is taken from the window in which it has the most context on both sides.
    Which windows a document is cut into depends on the document alone, not on its batch.

    Registered as a `TokenEmbedder` with name "word_pieces".

    # Parameters

    model_name : `str`
        Hub name or folder of the encoder.
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

    # Raises

    `ConfigurationError` if windows of these sizes do not get on, or are longer than what the
    encoder takes, and for the dropout of an attention that calls it otherwise.
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
    ) -> None:
        super().__init__(model_name, serialization_dir)
        source = self._source
        # Not from AllenNLP's cache: that would keep a second copy of the encoder in memory, and
        # give every embedder of the process the first one's `transformer_kwargs`.
        kwargs = transformer_kwargs or {}
        if source.archived:
            # Code comes with no archive.
            kwargs = {**kwargs, "trust_remote_code": False}
        if attention_dropout is not None:
            config = AutoConfig.from_pretrained(source.location, **kwargs)
            kwargs = {_attention_dropout_argument(config): attention_dropout, **kwargs}
        if source.archived:
            # The weights come with the model's.
            config = AutoConfig.from_pretrained(source.location, **kwargs)
            self.transformer_model = AutoModel.from_config(config)
        else:
            self.transformer_model = AutoModel.from_pretrained(source.location, **kwargs)
        self._identify(self.transformer_model.get_input_embeddings().weight)
        # Nothing here uses it, and distributed training takes no parameter without a gradient.
        if getattr(self.transformer_model, "pooler", None) is not None:
            self.transformer_model.pooler = None
        if gradient_checkpointing:
            self.transformer_model.gradient_checkpointing_enable()
        self.transformer_model.requires_grad_(train_parameters)

        prefix, suffix = special_pieces(source.location)
        self.register_buffer("_prefix", torch.tensor(prefix, dtype=torch.long), persistent=False)
        self.register_buffer("_suffix", torch.tensor(suffix, dtype=torch.long), persistent=False)
        limit = max_pieces(source.location)
        if max_length is not None and max_length > limit:
            raise ConfigurationError(
                f"max_length {max_length} is too long: {model_name} takes {limit} pieces at once"
            )
        if windows_at_once < 1:
            raise ConfigurationError(f"windows_at_once must be at least 1: {windows_at_once}")
        self._content = (limit if max_length is None else max_length) - len(prefix) - len(suffix)
        self._stride = self._content - (self._content // 4 if overlap is None else overlap)
        if not 0 < self._stride <= self._content:
            raise ConfigurationError(
                f"windows with room for {self._content} pieces cannot overlap by "
                f"{self._content - self._stride}"
            )
        self._windows_at_once = windows_at_once

    def get_output_dim(self) -> int:
        """The encoder's `hidden_size`."""
        return self.transformer_model.config.hidden_size

    def forward(
        self,
        token_ids: torch.Tensor,
        mask: torch.Tensor,
        wordpiece_mask: torch.Tensor,
        piece_offsets: torch.Tensor,
    ) -> torch.Tensor:
        """
        # Parameters

        token_ids : `torch.LongTensor`
            Shape `(batch_size, num_pieces)`, without special pieces.
        mask : `torch.BoolTensor`
            Shape `(batch_size, num_words)`; not used here.
        wordpiece_mask : `torch.BoolTensor`
            Shape `(batch_size, num_pieces)`.
        piece_offsets : `torch.LongTensor`
            Shape `(batch_size, num_words, 2)`; not used here.

        # Returns

        `torch.FloatTensor` of shape `(batch_size, num_pieces, embedding_dim)`.
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

    def _encode(self, token_ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """
        Encodes rows of pieces, of shape `(number of rows, num_pieces)`, with the special pieces
        around each row's; shape `(number of rows, num_pieces, embedding_dim)`.
        """
        batch_size, num_pieces = token_ids.size()
        num_prefix = len(self._prefix)
        lengths = mask.sum(dim=1, keepdim=True)
        # Shape: (batch_size, num_prefix + num_pieces + num_suffix)
        ids = torch.cat(
            [
                self._prefix.expand(batch_size, -1),
                token_ids,
                token_ids.new_zeros(batch_size, len(self._suffix)),
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
        """The window that each piece has the most context in; shape `(batch_size, num_pieces)`."""
        pieces = torch.arange(num_pieces, device=self.first.device).expand(len(self.first), -1)
        passed = torch.searchsorted(self.borders, pieces.contiguous(), right=True)
        return self.first.unsqueeze(1) + passed


def _windows(lengths: torch.Tensor, content: int, stride: int) -> _Windows:
    """
    Windows of `content` pieces, `stride` apart, over documents of the given lengths, of shape
    `(batch_size,)`. A document's last window is moved back to end where the document does.
    """
    last_start = (lengths - content).clamp(min=0)
    # Shape: (batch_size,)
    counts = 1 + (last_start + stride - 1).div(stride, rounding_mode="floor")
    # Shape: (batch_size, most windows of a document)
    places = torch.arange(int(counts.max()), device=lengths.device)
    starts = torch.minimum(places * stride, last_start.unsqueeze(1))
    exists = places < counts.unsqueeze(1)
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


def _attention_dropout_argument(config: PretrainedConfig) -> str:
    """What `from_pretrained` takes the dropout of an encoder's attention by."""
    for name in _ATTENTION_DROPOUT:
        if hasattr(config, name):
            return name
    raise ConfigurationError(
        f"attention_dropout: an encoder of type {config.model_type} has none by the names "
        f"{' and '.join(_ATTENTION_DROPOUT)}; set it to null, and what the encoder calls it in "
        "transformer_kwargs"
    )
