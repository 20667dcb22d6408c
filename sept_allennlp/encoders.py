"""
Where a pre-trained encoder's configuration and tokeniser come from: the hub or a folder while a
model is trained, the model's own archive ever after.

AllenNLP's archive holds the configuration, the weights and the vocabulary of a model, but for the
encoder only its name, so that an archive is worth nothing without a network or the folder it was
trained from. We put the encoder's configuration and tokeniser (its weights are in the archive
anyway) beside the vocabulary, because AllenNLP packs that folder whole into every archive,
interrupted runs included, and reads only the entries whose name does not begin with a dot.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from allennlp.common import cached_transformers
from transformers import AutoConfig, PreTrainedTokenizerFast

_FOLDER = Path("vocabulary") / ".encoders"

# What a configuration says of where it came from and how it is stored, not of what it describes.
_NOT_ARCHITECTURE = {"architectures", "dtype", "torch_dtype", "transformers_version"}

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
    """
    if serialization_dir is not None:
        folder = archive_folder(model_name, serialization_dir)
        # A run that was interrupted before its first checkpoint has the folder, and no weights yet.
        if (folder / "config.json").is_file() and has_weights(Path(serialization_dir)):
            return EncoderSource(str(folder), archived=True)
    return EncoderSource(model_name, archived=False)


def has_weights(serialization_dir: Path) -> bool:
    """Whether there are weights to load into a model: an archive's, the best or a checkpoint's."""
    return any(
        True
        for pattern in ("weights.th", "best.th", "model_state_*.th")
        for _ in serialization_dir.glob(pattern)
    )


def archive_encoder(model_name: str, serialization_dir: str) -> None:
    """Writes the encoder's configuration and tokeniser where `encoder_source` will find them."""
    source = encoder_source(model_name, serialization_dir)
    if source.archived:
        return
    folder = archive_folder(model_name, serialization_dir)
    folder.mkdir(parents=True, exist_ok=True)
    fast_tokenizer(source.location).save_pretrained(str(folder))
    # Last, because its presence says that the folder is complete.
    AutoConfig.from_pretrained(source.location).save_pretrained(str(folder))


class EncoderIdentity(NamedTuple):
    """
    What tells encoders apart, wherever their files lie.

    # Parameters

    name : `str`
        For messages.
    tokenisation : `str`
        A digest of the tokeniser's vocabulary.
    architecture : `Dict[str, Any]`
    """

    name: str
    tokenisation: str
    architecture: Dict[str, Any]

    def describe(self) -> str:
        """The sizes that people know encoders by."""
        return _sizes(self.architecture)


def _sizes(architecture: Dict[str, Any]) -> str:
    parts = [
        f"{architecture[key]} {unit}"
        for key, unit in (("num_hidden_layers", "layers"), ("hidden_size", "wide"))
        if key in architecture
    ]
    return ", ".join([str(architecture.get("model_type")), *parts])


def describe_archived_encoders(serialization_dir: Path) -> str:
    """
    The encoders that a run was trained on: of each the last part of its name, which may be no more
    than that of a folder, and its sizes. Empty where the run has none, or does not archive it.
    """
    files = sorted((serialization_dir / _FOLDER).glob("*/config.json"))
    return "; ".join(
        f"{file.parent.name.rpartition('-')[0]} ({_sizes(json.loads(file.read_text()))})"
        for file in files
    )


def identify_encoder(model_name: str, location: str) -> EncoderIdentity:
    """
    # Parameters

    model_name : `str`
        As the configuration names the encoder.
    location : `str`
        What to pass to `from_pretrained`.
    """
    vocabulary = json.dumps(fast_tokenizer(location).get_vocab(), sort_keys=True)
    config = AutoConfig.from_pretrained(location, trust_remote_code=False).to_dict()
    architecture = {
        key: value
        for key, value in config.items()
        if not key.startswith("_") and key not in _NOT_ARCHITECTURE
    }
    return EncoderIdentity(
        model_name, hashlib.sha256(vocabulary.encode()).hexdigest(), architecture
    )


def fast_tokenizer(location: str) -> PreTrainedTokenizerFast:
    """
    The encoder's tokeniser, from AllenNLP's cache.

    # Raises

    `ValueError` if the encoder has no fast tokeniser: only those say which word a piece is from.
    """
    # Byte-pair tokenisers take words that are already split only when told that a space comes
    # before each of them; the others ignore it.
    tokenizer = cached_transformers.get_tokenizer(
        location, use_fast=True, add_prefix_space=True, trust_remote_code=False
    )
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise ValueError(
            f"{location}: this encoder has no fast tokeniser (a 'tokenizer.json', or a vocabulary "
            "that one can be made from), which is needed to align its pieces with words"
        )
    return tokenizer


def max_pieces(location: str) -> int:
    """
    How many word pieces, special ones included, the encoder takes at once, as far as its tokeniser
    or its configuration says; otherwise 512.
    """
    limits = [_USUAL_LENGTH]
    # Tokenisers that state no limit hold a very large number here.
    stated = fast_tokenizer(location).model_max_length
    if stated < _NO_LIMIT:
        limits = [stated]
    # Not more than there are positions. (Where the tokeniser says nothing, a few of them may be
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
