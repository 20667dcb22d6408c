"""
Configuration and tokenizer of pre-trained encoders.

In training, an encoder comes from the hub, from a folder, or from the archive of another model. A
trained model loads it from its own archive. AllenNLP archives the configuration, the weights and
the vocabulary of a model, but only the name of its encoder. We store the encoder's configuration
and tokenizer in the folder of the vocabulary, because AllenNLP archives the whole folder and
ignores entries whose name begins with a dot.
"""

import hashlib
import json
import os
import re
import tempfile
import warnings
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import torch
from allennlp.common.checks import ConfigurationError
from tokenizers import Tokenizer
from tokenizers.normalizers import Prepend
from tokenizers.normalizers import Sequence as NormalizerSequence
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES

from sept_allennlp.archives.guard import check_location
from sept_allennlp.archives.unpacking import unpacked

_FOLDER = Path("vocabulary") / ".encoders"

_WEIGHTS_DIGEST = "weights.sha256"

# Keys of a configuration that describe an encoder.
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

# The names of absolute position embeddings in transformers.
_POSITIONS = ("position_embeddings", "embed_positions", "wpe")

# The part of an embedder that is the encoder (`WordPieceEmbedder.transformer_model`).
_ENCODER_IN_WEIGHTS = re.compile(r"(.*\btransformer_model)\.(.+)")


class EncoderIdentity(NamedTuple):
    """
    The identity of an encoder, which does not depend on where its files are.

    # Parameters

    name : `str`
        The encoder's name in the configuration.
    tokenization : `str`
        A digest of the tokenizer's rules and vocabulary.
    architecture : `Dict[str, Any]`
        The model type and the sizes.
    weights : `str`, optional
        A digest of some pre-trained weights; `None` if they are unknown.
    """

    name: str
    tokenization: str
    architecture: Dict[str, Any]
    weights: Optional[str]

    def describe(self) -> str:
        """Return the name and the architecture, for messages."""
        sizes = ", ".join(f"{key} {value}" for key, value in self.architecture.items())
        return f"{self.name} ({sizes})"


class PretrainedEncoder:
    """
    The configuration and the tokenizer of a pre-trained encoder.

    # Parameters

    name : `str`
        A name on the hub, a folder in Hugging Face's format, or the archive or training folder of
        a model, to use its encoder.
    serialization_dir : `str`, optional
        The folder of the training or of the unpacked archive, which AllenNLP gives to
        constructors. If it contains the encoder, that one is used.
    lowercase : `bool`, optional
        Override whether the tokenizer lower-cases.

    # Raises

    `FileNotFoundError` for a folder without an encoder; `ConfigurationError` if the encoder has no
    fast tokenizer, which is needed to know which word a piece is from.
    """

    def __init__(
        self, name: str, serialization_dir: Optional[str] = None, lowercase: Optional[bool] = None
    ) -> None:
        self.name = name
        # The location for `from_pretrained`.
        self.location = name
        # Whether the encoder's weights come with those of the model.
        self.archived = False
        if serialization_dir is not None:
            folder = archive_folder(name, serialization_dir)
            # A training that stopped before its first checkpoint has the folder, but no weights.
            if (folder / "config.json").is_file() and has_weights(Path(serialization_dir)):
                self.location, self.archived = str(folder), True
        if not self.archived:
            self.location = _find(name)
        self.config: PretrainedConfig = AutoConfig.from_pretrained(
            self.location, trust_remote_code=False
        )
        self.tokenizer, self._tokenization = _fast_tokenizer(name, self.location, lowercase)
        self.backend: Tokenizer = self.tokenizer.backend_tokenizer
        digest = Path(self.location) / _WEIGHTS_DIGEST
        self._weights_digest = digest.read_text() if digest.is_file() else None

    def archive_into(self, serialization_dir: str) -> None:
        """Write configuration and tokenizer to the folder that AllenNLP archives."""
        folder = archive_folder(self.name, serialization_dir)
        if (folder / "config.json").is_file():
            return
        folder.mkdir(parents=True, exist_ok=True)
        self.tokenizer.save_pretrained(str(folder))
        if self._weights_digest is not None:
            (folder / _WEIGHTS_DIGEST).write_text(self._weights_digest)
        # Last, because this file marks the folder as complete.
        self.config.save_pretrained(str(folder))

    def identity(self) -> EncoderIdentity:
        """Return the identity of the encoder."""
        architecture = {
            key: getattr(self.config, key) for key in _ARCHITECTURE if hasattr(self.config, key)
        }
        return EncoderIdentity(self.name, self._tokenization, architecture, self._weights_digest)

    def check_table(self, table: torch.Tensor) -> None:
        """
        Compare the tokenizer with the input embeddings, and store their digest.

        # Parameters

        table : `torch.FloatTensor`
            Shape `(vocabulary size, embedding_dim)`: the input embeddings, as pre-trained unless
            the encoder is archived.

        # Raises

        `ConfigurationError` if the tokenizer has pieces that have no embedding.
        """
        num_pieces = 1 + max(self.backend.get_vocab(with_added_tokens=True).values())
        if num_pieces > len(table):
            raise ConfigurationError(
                f"{self.name}: its tokenizer has {num_pieces} pieces, but its table of embeddings "
                f"has {len(table)} rows. Add rows with transformers' resize_token_embeddings, or "
                "remove the pieces that were added to the tokenizer."
            )
        if not self.archived:
            # The first rows are enough to distinguish encoders.
            corner = table[:1000].detach().cpu().float().numpy()
            self._weights_digest = _digest(corner.tobytes())

    @property
    def lowercases(self) -> bool:
        """Return whether the tokenizer lower-cases words."""
        return _lowercases(self.backend)

    def special_pieces(self) -> Tuple[List[int], List[int]]:
        """Return the indices of the special pieces before and after a sequence."""
        encoding = self.backend.encode(["word"], is_pretokenized=True)
        pieces, special = encoding.ids, encoding.special_tokens_mask
        first = special.index(0)
        last = len(special) - 1 - special[::-1].index(0)
        return pieces[:first], pieces[last + 1 :]

    def max_pieces(self, model: Optional[PreTrainedModel] = None) -> int:
        """
        Return the maximum length of an input in pieces, special pieces included.

        It is the lower of the tokenizer's limit and the number of positions; 512 if neither is
        known. RoBERTa and similar encoders reserve positions for padding.

        # Parameters

        model : `PreTrainedModel`, optional
            The encoder, if it is already loaded.
        """
        limits = []
        # A very large number stands for no limit.
        if self.tokenizer.model_max_length < _NO_LIMIT:
            limits.append(self.tokenizer.model_max_length)
        else:
            limits.append(_USUAL_LENGTH)
        positions = getattr(self.config, "max_position_embeddings", None)
        if positions is not None and positions > 0:
            limits.append(positions)
        if model is None:
            with torch.device("meta"):
                model = AutoModel.from_config(self.config, trust_remote_code=False)
        for name, module in model.named_modules():
            if name.rpartition(".")[2] in _POSITIONS and isinstance(module, torch.nn.Embedding):
                # The first positions may be reserved.
                first = getattr(module, "offset", 0)
                if module.padding_idx is not None:
                    first = module.padding_idx + 1
                limits.append(module.num_embeddings - first)
        return min(limits)


def check_same_encoders(reader: Any, model: torch.nn.Module) -> None:
    """
    Compare the encoders of a reader's token indexers with those of a model's embedders.

    # Raises

    `ConfigurationError` if an embedder would get the pieces of another encoder.
    """
    indexers = getattr(reader, "_token_indexers", None) or {}
    for path, module in model.named_modules():
        embedder = getattr(module, "identity", None)
        indexer = getattr(
            indexers.get(path.rpartition(".")[2].removeprefix("token_embedder_")), "identity", None
        )
        if not isinstance(embedder, EncoderIdentity) or not isinstance(indexer, EncoderIdentity):
            continue
        if embedder.tokenization != indexer.tokenization:
            raise ConfigurationError(
                "The token indexer and the embedder must have the same encoder and the same "
                f"'lowercase': the indexer has {indexer.describe()}, the embedder "
                f"{embedder.describe()}."
            )


def has_weights(serialization_dir: Path) -> bool:
    """Return whether a folder has weights: an archive's, the best ones or a checkpoint's."""
    return any(
        True
        for pattern in ("weights.th", "best.th", "model_state_*.th")
        for _ in serialization_dir.glob(pattern)
    )


def describe_archived_encoders(serialization_dir: Path) -> str:
    """
    Describe the encoders of a training: the last part of each name, and the sizes.

    The result is empty if there is no archived encoder.
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


def archive_folder(model_name: str, serialization_dir: str) -> Path:
    """Return the folder of an encoder in a training's folder or an unpacked archive."""
    # The hash makes the name unique; the rest is for readers.
    digest = hashlib.sha256(model_name.encode()).hexdigest()[:12]
    readable = re.sub(r"[^\w.-]+", "-", model_name.rstrip("/").split("/")[-1])
    return Path(serialization_dir) / _FOLDER / f"{readable}-{digest}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# Finding an encoder -------------------------------------------------------------------------------


def _find(name: str) -> str:
    """Return the argument of `from_pretrained` for an encoder that is not archived."""
    path = Path(name)
    if path.exists() or "://" in name:
        check_location(name)
    if path.is_file() or (path.is_dir() and _is_run(path)):
        return _encoder_of_archive(os.path.realpath(name), path.stat().st_mtime_ns)
    # A name on the hub has at most one slash, and not at its beginning.
    if path.is_dir() and not (path / "config.json").is_file():
        fault = "there is no encoder in this folder"
    elif not path.is_dir() and (name.startswith((".", "/", "~")) or name.count("/") > 1):
        fault = "there is no such folder"
    else:
        return name
    raise FileNotFoundError(
        f"{name}: {fault}; give the folder of an encoder in Hugging Face's format "
        "(config.json, weights, tokenizer), its name on the hub, or a model.tar.gz"
    )


def _is_run(folder: Path) -> bool:
    try:
        return "dataset_reader" in json.loads((folder / "config.json").read_text())
    except (OSError, ValueError):
        return False


@cache
def _encoder_of_archive(archive: str, modified: int) -> str:
    """
    Write the encoder of a trained model as a folder in Hugging Face's format, once a process.

    # Parameters

    archive : `str`
    modified : `int`
        The time of the last change, because the file may be replaced.
    """
    with unpacked(archive) as (folder, _, weights):
        assert weights is not None
        # The token indexer may use another name for the same encoder.
        encoders = {
            _without_name(file): file.parent for file in (folder / _FOLDER).glob("*/config.json")
        }
        if len(encoders) != 1:
            raise ConfigurationError(
                f"{archive}: the archive has {len(encoders)} pre-trained encoders, and must have "
                "exactly one to be used as an encoder"
            )
        parts: Dict[str, Dict[str, torch.Tensor]] = {}
        for key, value in torch.load(weights, map_location="cpu", weights_only=True).items():
            found = _ENCODER_IN_WEIGHTS.fullmatch(key)
            if found:
                parts.setdefault(found[1], {})[found[2]] = value
        if len(parts) != 1:
            raise ConfigurationError(
                f"{archive}: its weights hold {len(parts)} encoders of embedders of type "
                "'word_pieces', and must hold exactly one to be used as an encoder"
            )
        (source,) = encoders.values()
        config = AutoConfig.from_pretrained(str(source), trust_remote_code=False)
        (weights_of_encoder,) = parts.values()
        with torch.random.fork_rng(devices=[]):
            model = AutoModel.from_config(config, trust_remote_code=False)
        missing, unexpected = model.load_state_dict(weights_of_encoder, strict=False)
        # The pooler is not part of our models.
        missing = [key for key in missing if not key.startswith("pooler.")]
        if missing or unexpected:
            raise ConfigurationError(f"{archive}: the weights of its encoder are incomplete")
        target = tempfile.TemporaryDirectory()
        # Deleted when the process ends.
        _TEMPORARY_FOLDERS.append(target)
        model.save_pretrained(target.name)
        AutoTokenizer.from_pretrained(str(source)).save_pretrained(target.name)
    return target.name


def _without_name(config_file: Path) -> str:
    config = json.loads(config_file.read_text())
    return json.dumps({key: config[key] for key in config if key != "_name_or_path"})


_TEMPORARY_FOLDERS: List["tempfile.TemporaryDirectory[str]"] = []


# Tokenizers ---------------------------------------------------------------------------------------


# An indexer and an embedder have the same one.
@lru_cache(maxsize=8)
def _fast_tokenizer(
    name: str, location: str, lowercase: Optional[bool]
) -> Tuple[PreTrainedTokenizerFast, str]:
    """Return a tokenizer and a digest of its rules and vocabulary."""
    if _has_slow_tokenizer_alone(location):
        raise _no_fast_tokenizer(name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(location, use_fast=True, trust_remote_code=False)
    except (ValueError, ImportError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ConfigurationError(f"{name}: its tokenizer cannot be loaded ({reason})") from error
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise _no_fast_tokenizer(name)
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    if lowercase is not None:
        _set_lowercase(backend, lowercase)
    _split_words_as_in_text(backend)
    _check_any_word(name, backend)
    _warn_about_casing(name, backend)
    state = json.loads(backend.to_str())
    parts = ("normalizer", "pre_tokenizer", "model", "added_tokens")
    cutting = json.dumps([state[part] for part in parts], sort_keys=True)
    return tokenizer, _digest(cutting.encode())


def _has_slow_tokenizer_alone(location: str) -> bool:
    """Check without loading the tokenizer, because loading CANINE's is slow."""
    if not Path(location).is_dir() or (Path(location) / "tokenizer.json").is_file():
        return False
    kind = AutoConfig.from_pretrained(location, trust_remote_code=False).model_type
    return TOKENIZER_MAPPING_NAMES.get(kind, ("", ""))[1] is None


def _no_fast_tokenizer(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"{name}: this encoder has no fast tokenizer (a 'tokenizer.json', or a vocabulary that one "
        "can be made from), which is needed to align its pieces with words"
    )


def _set_lowercase(backend: Tokenizer, lowercase: bool) -> None:
    state = json.loads(backend.to_str())
    normalizer = state["normalizer"]
    steps = normalizer["normalizers"] if _is(normalizer, "Sequence") else [normalizer]
    steps = [step for step in steps if step and not _is(step, "Lowercase")]
    of_bert = [step for step in steps if _is(step, "BertNormalizer")]
    for step in of_bert:
        # This also strips accents, unless the tokenizer has its own setting.
        step["lowercase"] = lowercase
    if lowercase and not of_bert:
        steps.append({"type": "Lowercase"})
    state["normalizer"] = {"type": "Sequence", "normalizers": steps}
    backend.normalizer = Tokenizer.from_str(json.dumps(state)).normalizer


def _is(step: Any, kind: str) -> bool:
    return isinstance(step, dict) and step.get("type") == kind


def _split_words_as_in_text(backend: Tokenizer) -> None:
    """
    Make the tokenizer split single words as it does after a space in running text.

    Byte-level tokenizers mark the space before a word in its first piece. Some have an option for
    single words, but in a sequence of pre-tokenizers it also affects parts of words. So we put a
    space before each word.
    """
    words = ["word", "The", "x", "1"]
    if all(_pieces_alone(backend, word) == _pieces_in_text(backend, word) for word in words):
        return
    before = backend.normalizer
    backend.normalizer = (
        Prepend(" ") if before is None else NormalizerSequence([Prepend(" "), before])
    )
    if not all(_pieces_alone(backend, word) == _pieces_in_text(backend, word) for word in words):
        backend.normalizer = before


def _pieces_alone(backend: Tokenizer, word: str) -> List[int]:
    encoding = backend.encode(["a", word], is_pretokenized=True, add_special_tokens=False)
    return [piece for piece, index in zip(encoding.ids, encoding.word_ids) if index == 1]


def _pieces_in_text(backend: Tokenizer, word: str) -> List[int]:
    encoding = backend.encode(f"a {word}", add_special_tokens=False)
    return [piece for piece, (_, end) in zip(encoding.ids, encoding.offsets) if end > 1]


def _check_any_word(name: str, backend: Tokenizer) -> None:
    """Refuse a tokenizer that fails on unknown words."""
    try:
        backend.encode(["\N{NAZAR AMULET}", "\N{SNOWMAN}x"], is_pretokenized=True)
    except Exception as error:
        raise ConfigurationError(
            f"{name}: its tokenizer fails on unknown words, because it has no unknown piece "
            f"({error})"
        ) from error


def _lowercases(backend: Tokenizer) -> bool:
    normalizer = backend.normalizer
    return normalizer is not None and normalizer.normalize_str("A").strip() == "a"


def _warn_about_casing(name: str, backend: Tokenizer) -> None:
    vocabulary = backend.get_vocab(with_added_tokens=False)
    capitalized = sum(piece[:1].isupper() for piece in vocabulary)
    if _lowercases(backend) and capitalized > len(vocabulary) / 100:
        warnings.warn(
            f"{name}: the tokenizer lower-cases, although {capitalized} of its {len(vocabulary)} "
            "pieces begin with a capital letter. If this encoder is cased, set 'lowercase' of its "
            "token indexer and its embedder to false.",
            stacklevel=2,
        )
