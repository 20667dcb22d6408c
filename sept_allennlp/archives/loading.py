"""
Loading a model archive as data, not as code.

People download `model.tar.gz` from strangers. AllenNLP's loading trusts it in several ways: the
archive is unpacked as it stands (`tarfile` without a filter: members can land anywhere), its
configuration is evaluated as jsonnet (which can read files), may name any importable class
(importing and constructing runs code), may ask `transformers` to run an encoder's own code, and may
name an encoder for it to download. What holds the weights is safe with torch ≥ 2.6, which unpickles
nothing but tensors. `load_archive` here is AllenNLP's with checks in all these places, for as long
as it runs; AllenNLP's commands load by it, too (`install`), as does everything in this package.
"""

import json
import pickle
import re
import shutil
import tarfile
import tempfile
import threading
import zlib
from contextlib import contextmanager
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Optional, Tuple, Union

from allennlp.commands import evaluate, predict
from allennlp.common import Params, Registrable
from allennlp.common.meta import Meta
from allennlp.models import Model, archival
from transformers.utils import hub as transformers_hub

# In bytes, unpacked. The largest encoders in use take a few GiB.
MAX_ARCHIVE_SIZE = 16 * 2**30
MAX_CONFIG_SIZE = 16 * 2**20
MAX_MEMBERS = 10_000


# The parts of a configuration that `allennlp evaluate` makes when the model is loaded already.
_MADE_AFTER_LOADING = ("evaluation", "data_loader", "validation_data_loader")
_DOTTED_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")


class ArchiveError(RuntimeError):
    """
    An archive that is not loaded; the message says why.

    No `ConfigurationError`, because AllenNLP, where a parameter can be of several types, takes one
    for a sign to try the next type, and forgets its message.
    """


def load_archive(
    archive_file: Union[str, "PathLike[str]"],
    cuda_device: int = -1,
    overrides: Union[str, Dict[str, Any]] = "",
    weights_file: Optional[str] = None,
) -> archival.Archive:
    """
    `allennlp.models.archival.load_archive`, for archives from anywhere.

    # Raises

    `ArchiveError` for an archive that is damaged, is none, does not hold what it needs, or that
    loading would have to trust.
    """
    # AllenNLP looks these up by name while it loads, and one load may cause another: of a filter.
    with _ONE_AT_A_TIME, _checks():
        return archival.load_archive(archive_file, cuda_device, overrides, weights_file)  # type: ignore[arg-type]


def install() -> None:
    """Has `allennlp predict` and `allennlp evaluate` load archives by `load_archive`."""
    predict.load_archive = evaluate.load_archive = load_archive


@contextmanager
def _checks() -> Iterator[None]:
    """Within, AllenNLP loads archives with the checks."""
    checked = {
        "extracted_archive": _extracted_archive,
        "_load_dataset_readers": partial(_load_dataset_readers, _ALLENNLP_READERS),
        "_load_model": partial(_load_model, _ALLENNLP_MODEL),
        "Meta": _CheckedMeta,
    }
    unchecked = {name: getattr(archival, name) for name in checked}
    try:
        for name, function in checked.items():
            setattr(archival, name, function)
        yield
    finally:
        for name, function in unchecked.items():
            setattr(archival, name, function)


@contextmanager
def _extracted_archive(resolved_archive_file: str, cleanup: bool = True) -> Iterator[str]:
    """
    Unpacks an archive into a temporary folder, and yields the folder.

    # Raises

    `ArchiveError` for members that would land outside the folder, links that lead out of it,
    devices, an archive that is truncated, no archive at all, or too large, and a configuration
    that is not plain JSON. Then nothing is left behind.
    """
    folder = tempfile.mkdtemp()
    keep = False
    try:
        _unpack(resolved_archive_file, folder)
        _check_config(resolved_archive_file, Path(folder) / archival.CONFIG_NAME)
        yield folder
        keep = not cleanup
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _unpack(archive_file: str, folder: str) -> None:
    total = count = 0
    try:
        with tarfile.open(archive_file, "r:gz") as archive:
            for member in archive:
                total += member.size
                count += 1
                if total > MAX_ARCHIVE_SIZE or count > MAX_MEMBERS:
                    raise ArchiveError(
                        f"{archive_file}: refused, it unpacks to more than {MAX_ARCHIVE_SIZE} "
                        f"bytes or {MAX_MEMBERS} files"
                    )
                # The filter would take the slash off and go on; nobody honest has put it there.
                if member.name.startswith("/"):
                    raise tarfile.AbsolutePathError(member)
                archive.extract(member, folder, filter="data")
            _read_to_end(archive_file, archive.fileobj)
    except tarfile.FilterError as error:
        raise ArchiveError(f"{archive_file}: refused, {error}") from None
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise ArchiveError(f"{archive_file}: not a model archive, or damaged ({error})") from None


def _read_to_end(archive_file: str, file: Any) -> None:
    """Past the last member, because gzip's checksum, and so any damage, shows at the very end."""
    for _ in range(16):
        if not file.read(2**16):
            return
    raise ArchiveError(f"{archive_file}: refused, it goes on after its last member")


def _check_config(archive_file: str, config_file: Path) -> None:
    if not config_file.is_file():
        raise ArchiveError(f"{archive_file}: not a model archive, it has no {config_file.name}")
    if config_file.stat().st_size > MAX_CONFIG_SIZE:
        raise ArchiveError(f"{archive_file}: refused, its {config_file.name} is too large")
    try:
        config = json.loads(config_file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ArchiveError(
            f"{archive_file}: refused, its {config_file.name} is not plain JSON ({error})"
        ) from None
    if not isinstance(config, dict) or not {"model", "dataset_reader"} <= config.keys():
        raise ArchiveError(
            f"{archive_file}: not a model archive, its {config_file.name} has no model or no "
            "dataset_reader"
        )


def _check_settings(config: Any) -> None:
    """
    Refuses what a configuration can hold to run code when it is used, anywhere in it: an encoder's
    own code, and, in the parts that `allennlp evaluate` makes after the model is loaded, classes
    that are not registered.
    """
    for key, value in _items(config):
        if key == "trust_remote_code" and value:
            raise ArchiveError("refused: the archive's configuration asks to run an encoder's code")
    for part in _MADE_AFTER_LOADING:
        for _, value in _items({part: config.get(part)}):
            if isinstance(value, str) and _DOTTED_NAME.fullmatch(value):
                raise ArchiveError(
                    f"refused: the archive's configuration names {value!r} in its {part!r}, which "
                    "is no registered name, and an archive may not name any other class"
                )


def _items(value: Any) -> Iterator[Tuple[Any, Any]]:
    """Every key and value inside, however deep."""
    if isinstance(value, (dict, list)):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in pairs:
            yield key, inner
            yield from _items(inner)


@contextmanager
def _nothing_from_outside() -> Iterator[None]:
    """
    Within, a configuration can name what is registered, and no other importable class, and
    `transformers` looks for encoders on this machine alone.
    """
    offline = transformers_hub._is_offline_mode
    resolve = Registrable.__dict__["resolve_class_name"]

    def resolve_registered(cls: Any, name: str) -> Tuple[Any, Optional[str]]:
        if name not in cls.list_available():
            raise ArchiveError(
                f"the archive's configuration asks for a {cls.__name__} named {name!r}, which is "
                "not registered here, and an archive may not name any other class. If it is one of "
                "yours, register it and import its package with --include-package."
            )
        return resolve.__get__(None, cls)(name)

    Registrable.resolve_class_name = classmethod(resolve_registered)  # type: ignore
    transformers_hub._is_offline_mode = True
    try:
        yield
    finally:
        Registrable.resolve_class_name = resolve  # type: ignore[method-assign]
        transformers_hub._is_offline_mode = offline


def _load_dataset_readers(load: Callable[..., Any], config: Params, serialization_dir: str) -> Any:
    _check_settings(config.as_dict(quiet=True))
    with _nothing_from_outside():
        try:
            return load(config, serialization_dir)
        except OSError as error:
            reason = str(error).split("\n")[0]
            raise ArchiveError(
                "the archive does not hold its encoder (it was trained without the callback "
                f"'archive_encoder'), and this machine does not have it either ({reason})"
            ) from None


def _load_model(
    load: Callable[..., Model],
    config: Params,
    weights_path: str,
    serialization_dir: str,
    cuda_device: int,
) -> Model:
    with _nothing_from_outside():
        try:
            return load(config, weights_path, serialization_dir, cuda_device)
        except pickle.UnpicklingError as error:
            reason = str(error).split("\n")[0]
            raise ArchiveError(
                f"refused: the archive's weights are not tensors alone, loading them could run "
                f"code ({reason})"
            ) from None
        except ArchiveError:
            raise
        except (RuntimeError, EOFError, OSError) as error:
            reason = str(error).strip().split("\n")[0]
            raise ArchiveError(
                f"the archive's weights are damaged, or not those of its configuration ({reason})"
            ) from error


class _CheckedMeta(Meta):
    """The archive's `meta.json`, which says by which version of AllenNLP it was made."""

    @classmethod
    def from_path(cls, path: Union[str, "PathLike[str]"]) -> Meta:
        try:
            meta = Meta.from_path(path)
            # As AllenNLP will read it.
            [int(part) for part in meta.version.split(".")[:2]]
        except (ValueError, TypeError, AttributeError, OSError) as error:
            raise ArchiveError(
                f"the archive's {archival.META_NAME} does not say which version of AllenNLP made "
                f"it ({error})"
            ) from None
        return meta


_ALLENNLP_READERS = archival._load_dataset_readers
_ALLENNLP_MODEL = archival._load_model
_ONE_AT_A_TIME = threading.RLock()
