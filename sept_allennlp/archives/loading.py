"""
Loading a model archive as data, not as code.

People download `model.tar.gz` from strangers, and AllenNLP trusts what it loads: it unpacks members
to any place, evaluates the configuration as jsonnet (which reads files), and resolves what the
configuration names: classes to import, addresses to download, paths to read. The weights are safe
with torch ≥ 2.6, which unpickles nothing but tensors.

`load_archive` here does the same as AllenNLP's with checks in all these places (see `guard`), for
archives, unpacked archives and the folders of trainings. `install` makes AllenNLP use it
everywhere.
"""

import json
import pickle
import re
import sys
from os import PathLike
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, Tuple, Union

from allennlp.common import Params
from allennlp.common.meta import META_NAME, Meta
from allennlp.common.params import parse_overrides, remove_keys_from_params, with_overrides
from allennlp.data import DatasetReader, Vocabulary
from allennlp.models import Model, archival

from sept_allennlp.archives import guard
from sept_allennlp.archives.encoders import check_same_encoders
from sept_allennlp.archives.guard import ArchiveError
from sept_allennlp.archives.skeletons import model_config
from sept_allennlp.archives.unpacking import unpacked

__all__ = ["ArchiveError", "load_archive"]

# The parts of a configuration that `allennlp evaluate` builds after the model is loaded.
_BUILT_AFTER_LOADING = ("evaluation", "data_loader", "validation_data_loader")
_DOTTED_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")

# The keys of AllenNLP's metrics that name a program to run.
_PROGRAMS = ("evalb_directory_path", "srl_eval_path")


def load_archive(
    archive_file: Union[str, "PathLike[str]"],
    cuda_device: int = -1,
    overrides: Union[str, Dict[str, Any]] = "",
    weights_file: Optional[str] = None,
) -> archival.Archive:
    """
    Load an archive, an unpacked one, or the folder of a training.

    # Parameters

    As for `allennlp.models.archival.load_archive`. Paths and addresses in `overrides` may be used;
    those in the archive may not.

    # Raises

    `ArchiveError` for an archive that is damaged or incomplete, is no archive, or would have to be
    trusted.
    """
    with unpacked(archive_file, weights_file) as (folder, config, weights), guard.unguarded():
        changes = parse_overrides(
            json.dumps(overrides) if isinstance(overrides, dict) else overrides
        )
        if changes:
            config = with_overrides(config, changes)
        _check_settings(config)
        named = [value for _, value in _items(changes) if isinstance(value, str)]
        named += [weights_file] if weights_file else []
        with guard.guarded(folder, named):
            # AllenNLP removes the parameters that it uses.
            reader, validation_reader = _load_readers(Params(config).duplicate(), str(folder))
            model = _load_model(Params(config).duplicate(), weights, str(folder), cuda_device)
        for each in (reader, validation_reader):
            check_same_encoders(each, model)
        meta = _read_meta(archive_file, folder / META_NAME)
        config = {**config, "model": model_config(config, folder)}
    return archival.Archive(model, Params(config), reader, validation_reader, meta)


def install() -> None:
    """Make AllenNLP load archives with `load_archive`."""
    guard.install()
    unchecked = archival.load_archive
    if unchecked is load_archive:
        return
    # Most of its modules have a name of their own for it.
    for name, module in list(sys.modules.items()):
        if name.startswith("allennlp.") and getattr(module, "load_archive", None) is unchecked:
            module.load_archive = load_archive  # type: ignore[attr-defined]


def _check_settings(config: Dict[str, Any]) -> None:
    """
    Refuse settings that take effect after loading, when the guard no longer applies.

    These are an encoder's own code, programs that a metric runs, and classes and files of the parts
    that `allennlp evaluate` builds after the model is loaded.
    """
    for key, value in _items(config):
        if key == "trust_remote_code" and value:
            raise ArchiveError(
                "refused: the archive's configuration asks to run an encoder's own code"
            )
        if key in _PROGRAMS and value:
            raise ArchiveError(
                f"refused: the archive's configuration names a program to run, {value!r} ({key})"
            )
    for part in _BUILT_AFTER_LOADING:
        for key, value in _items({part: config.get(part)}):
            if not isinstance(value, str):
                continue
            if _DOTTED_NAME.fullmatch(value):
                raise ArchiveError(
                    f"refused: the archive's configuration names {value!r} in its {part!r}, which "
                    "is no registered name, and an archive may not name any other class"
                )
            if key == "model_name" or "/" in value or "\\" in value:
                raise ArchiveError(
                    f"refused: the archive's configuration names {value!r} in its {part!r}, and an "
                    "archive may not use anything outside itself"
                )


def _items(value: Any) -> Iterator[Tuple[Any, Any]]:
    """Yield every key and value inside, at any depth."""
    if isinstance(value, (dict, list)):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in pairs:
            yield key, inner
            yield from _items(inner)


def _load_readers(config: Params, folder: str) -> Tuple[DatasetReader, DatasetReader]:
    """Load the dataset reader and the one for validation, which is the same by default."""
    try:
        return archival._load_dataset_readers(config, folder)
    except OSError as error:
        raise _not_self_contained(error) from error


def _not_self_contained(error: OSError) -> ArchiveError:
    reason = str(error).strip().split("\n")[0]
    return ArchiveError(
        "the archive does not hold its encoder or another file that it is made from; train with "
        f"the callback 'archive_encoder' ({reason})"
    )


def _load_model(config: Params, weights: Optional[str], folder: str, cuda_device: int) -> Model:
    try:
        if weights is None:
            return _model_without_weights(config, folder)
        return archival._load_model(config, weights, folder, cuda_device)
    except pickle.UnpicklingError as error:
        reason = str(error).split("\n")[0]
        raise ArchiveError(
            f"refused: the archive's weights hold more than tensors, and loading them could run "
            f"code ({reason})"
        ) from None
    except ArchiveError:
        raise
    except FileNotFoundError as error:
        raise _not_self_contained(error) from error
    except (RuntimeError, EOFError, OSError) as error:
        # transformers says so by a bare OSError when it finds no encoder.
        if isinstance(error, OSError) and error.errno is None:
            raise _not_self_contained(error) from error
        reason = str(error).strip().split("\n")[0]
        raise ArchiveError(
            f"the archive's weights are damaged, or not those of its configuration ({reason})"
        ) from error


def _model_without_weights(config: Params, folder: str) -> Model:
    """Build a model whose weights are those of a model around it."""
    choice = config.get("vocabulary", Params({}))
    name = choice.pop_choice("type", Vocabulary.list_available(), True)
    vocabulary_class: Any = Vocabulary.resolve_class_name(name)[0]
    vocab = vocabulary_class.from_files(
        str(Path(folder) / "vocabulary"), choice.get("padding_token"), choice.get("oov_token")
    )
    model = config["model"]
    remove_keys_from_params(model)
    return Model.from_params(vocab=vocab, params=model, serialization_dir=folder)


def _read_meta(archive_file: Any, file: Path) -> Optional[Meta]:
    """Read which version of AllenNLP made the archive, and warn if it is a newer one."""
    if not file.is_file():
        return None
    try:
        meta = Meta.from_path(file)
        # As AllenNLP reads it.
        [int(part) for part in meta.version.split(".")[:2]]
        archival._check_version_compatibility(archive_file, meta)
    except (ValueError, TypeError, AttributeError, OSError) as error:
        raise ArchiveError(
            f"the archive's {META_NAME} does not say which version of AllenNLP made it ({error})"
        ) from None
    return meta
