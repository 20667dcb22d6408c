"""
Where a pre-trained encoder's configuration and tokenizer come from: the hub or a folder while a
model is trained, the model's own archive ever after.

AllenNLP's archive holds the configuration, the weights and the vocabulary of a model, but for the
encoder only its name, so that an archive is worth nothing without a network or the folder it was
trained from. We put the encoder's configuration and tokenizer (its weights are in the archive
anyway) beside the vocabulary, because AllenNLP packs that folder whole into every archive,
interrupted runs included, and reads only the entries whose name does not begin with a dot.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import torch
from allennlp.common import cached_transformers
from transformers import AutoConfig, PreTrainedTokenizerFast

from sept_allennlp.archives.guard import check_location

_FOLDER = Path("vocabulary") / ".encoders"

_WEIGHTS_DIGEST = "weights.sha256"

# What people know encoders by, under the names that most configurations have for it.
_ARCHITECTURE = (
    "model_type",
    "num_hidden_layers",
    "hidden_size",
    "intermediate_size",
    "num_attention_heads",
    "vocab_size",
)

_USUAL_LENGTH = 512
_NO_LIMIT = 100_000


class EncoderSource(NamedTuple):
    """
    # Parameters

    location : `str`
        What to pass to `from_pretrained`: a hub name or a folder.
    archived : `bool`
        True if the folder is an archive's: then it has no weights, they come with the model's.
    """

    location: str
    archived: bool


def encoder_source(model_name: str, serialization_dir: Optional[str]) -> EncoderSource:
    """
    # Parameters

    model_name : `str`
        As the configuration names the encoder: a hub name or a folder.
    serialization_dir : `str`, optional
        The folder of the run or of the unpacked archive, which AllenNLP hands to whatever asks
        for it by this name.

    # Raises

    `FileNotFoundError` for a folder without an encoder.
    """
    if serialization_dir is not None:
        folder = archive_folder(model_name, serialization_dir)
        # A run that was interrupted before its first checkpoint has the folder, and no weights yet.
        if (folder / "config.json").is_file() and has_weights(Path(serialization_dir)):
            return EncoderSource(str(folder), archived=True)
    _check_folder(model_name)
    return EncoderSource(model_name, archived=False)


def _check_folder(model_name: str) -> None:
    # A name on the hub has one slash at most, and not at its beginning.
    is_folder = Path(model_name).is_dir()
    if is_folder or "://" in model_name:
        check_location(model_name)
    if is_folder and not (Path(model_name) / "config.json").is_file():
        fault = "there is no encoder in this folder"
    elif not is_folder and (model_name.startswith((".", "/", "~")) or model_name.count("/") > 1):
        fault = "there is no such folder"
    else:
        return
    raise FileNotFoundError(
        f"{model_name}: {fault}; give the folder of an encoder in Hugging Face's format "
        "(config.json, weights, tokenizer), or its name on the hub"
    )


def has_weights(serialization_dir: Path) -> bool:
    """Whether there are weights to load into a model: an archive's, the best or a checkpoint's."""
    return any(
        True
        for pattern in ("weights.th", "best.th", "model_state_*.th")
        for _ in serialization_dir.glob(pattern)
    )


def archive_encoder(
    model_name: str, serialization_dir: str, weights_digest: Optional[str] = None
) -> None:
    """
    Writes the encoder's configuration and tokenizer where `encoder_source` will find them, with the
    digest of its weights, if there is one, for `identify_encoder`.
    """
    source = encoder_source(model_name, serialization_dir)
    if source.archived:
        return
    folder = archive_folder(model_name, serialization_dir)
    folder.mkdir(parents=True, exist_ok=True)
    fast_tokenizer(source.location).save_pretrained(str(folder))
    if weights_digest is not None:
        (folder / _WEIGHTS_DIGEST).write_text(weights_digest)
    # Last, because its presence says that the folder is complete.
    AutoConfig.from_pretrained(source.location).save_pretrained(str(folder))


class EncoderIdentity(NamedTuple):
    """
    What tells encoders apart, wherever their files lie.

    # Parameters

    name : `str`
        As the configuration names the encoder.
    tokenization : `str`
        A digest of how the tokenizer cuts text into pieces.
    architecture : `Dict[str, Any]`
        The kind and the sizes.
    weights : `str`, optional
        A digest of some weights as pre-trained; `None` in archives made without it.
    """

    name: str
    tokenization: str
    architecture: Dict[str, Any]
    weights: Optional[str]

    def describe(self) -> str:
        """Name, kind and sizes, for messages."""
        sizes = ", ".join(f"{key} {value}" for key, value in self.architecture.items())
        return f"{self.name} ({sizes})"


def describe_archived_encoders(serialization_dir: Path) -> str:
    """
    The encoders that a run was trained on: of each the last part of its name, which may be no more
    than that of a folder, and its sizes. Empty where the run has none, or does not archive it.
    """
    descriptions = []
    for file in sorted((serialization_dir / _FOLDER).glob("*/config.json")):
        config = json.loads(file.read_text())
        sizes = [
            f"{config[key]}{unit}"
            for key, unit in (
                ("model_type", ""),
                ("num_hidden_layers", " layers"),
                ("hidden_size", " wide"),
            )
            if key in config
        ]
        descriptions.append(f"{file.parent.name.rpartition('-')[0]} ({', '.join(sizes)})")
    return "; ".join(descriptions)


def identify_encoder(
    model_name: str, source: EncoderSource, table: torch.Tensor
) -> EncoderIdentity:
    """
    # Parameters

    model_name : `str`
        As the configuration names the encoder.
    source : `EncoderSource`
    table : `torch.FloatTensor`
        Shape `(vocabulary size, embedding_dim)`: its input embeddings as pre-trained; not looked at
        where the encoder is archived.
    """
    tokenizer = json.loads(fast_tokenizer(source.location).backend_tokenizer.to_str())
    cutting = [tokenizer[part] for part in ("normalizer", "pre_tokenizer", "model", "added_tokens")]
    config = AutoConfig.from_pretrained(source.location, trust_remote_code=False)
    architecture = {key: getattr(config, key) for key in _ARCHITECTURE if hasattr(config, key)}
    if source.archived:
        archived = Path(source.location) / _WEIGHTS_DIGEST
        weights = archived.read_text() if archived.is_file() else None
    else:
        # A corner of it is enough to tell encoders apart, and quickly read.
        weights = _digest(table[:1000].detach().cpu().float().numpy().tobytes())
    return EncoderIdentity(
        model_name, _digest(json.dumps(cutting, sort_keys=True).encode()), architecture, weights
    )


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def fast_tokenizer(location: str) -> PreTrainedTokenizerFast:
    """
    The encoder's tokenizer, from AllenNLP's cache.

    # Raises

    `ValueError` if the encoder has no fast tokenizer: only those say which word a piece is from.
    """
    # Byte-pair tokenizers take words that are already split only when told that a space comes
    # before each of them; the others ignore it.
    tokenizer = cached_transformers.get_tokenizer(
        location, use_fast=True, add_prefix_space=True, trust_remote_code=False
    )
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise ValueError(
            f"{location}: this encoder has no fast tokenizer (a 'tokenizer.json', or a vocabulary "
            "that one can be made from), which is needed to align its pieces with words"
        )
    return tokenizer


def max_pieces(location: str) -> int:
    """
    How many word pieces, special ones included, the encoder takes at once, as far as its tokenizer
    or its configuration says; otherwise 512.
    """
    limits = [_USUAL_LENGTH]
    # Tokenizers that state no limit hold a very large number here.
    stated = fast_tokenizer(location).model_max_length
    if stated < _NO_LIMIT:
        limits = [stated]
    # Not more than there are positions. (Where the tokenizer says nothing, a few of them may be
    # used up by padding, as RoBERTa's are, and 512 is on the safe side.)
    config = AutoConfig.from_pretrained(location, trust_remote_code=False)
    positions = getattr(config, "max_position_embeddings", None)
    if positions is not None and positions > 0:
        limits.append(positions)
    return min(limits)


def special_pieces(location: str) -> Tuple[List[int], List[int]]:
    """The indices of the pieces that the encoder wants before and after a sequence."""
    encoding = fast_tokenizer(location)(
        ["word"], is_split_into_words=True, return_special_tokens_mask=True
    )
    pieces, special = encoding["input_ids"], encoding["special_tokens_mask"]
    first = special.index(0)
    last = len(special) - 1 - special[::-1].index(0)
    return pieces[:first], pieces[last + 1 :]


def archive_folder(model_name: str, serialization_dir: str) -> Path:
    """Where in a run's folder or an unpacked archive lies what belongs to the encoder."""
    # The hash tells apart folders of the same name; the name is for people who look inside.
    digest = hashlib.sha256(model_name.encode()).hexdigest()[:12]
    readable = re.sub(r"[^\w.-]+", "-", model_name.rstrip("/").split("/")[-1])
    return Path(serialization_dir) / _FOLDER / f"{readable}-{digest}"
