"""Unpacking an archive, and reading its configuration without evaluating it."""

import hashlib
import json
import shutil
import tarfile
import tempfile
import zlib
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, Dict, Iterator, NamedTuple, Optional, Union

from allennlp.common.file_utils import cached_path
from allennlp.models import archival

from sept_allennlp.archives.guard import (
    ArchiveError,
    check_location,
    folder_of_archive,
    unguarded,
)

# In bytes, unpacked. The largest encoders in use take a few GiB.
MAX_ARCHIVE_SIZE = 16 * 2**30
MAX_CONFIG_SIZE = 16 * 2**20
MAX_MEMBERS = 10_000


# See `skeletons`.
_SKELETONS = Path("vocabulary") / ".archives"
WEIGHTS_NAME = "weights.th"

# In the folder of a training.
ARCHIVE_NAME = "model.tar.gz"


class Unpacked(NamedTuple):
    """
    An archive's files.

    # Parameters

    folder : `Path`
    config : `Dict[str, Any]`
    weights : `str`, optional
        `None` for the skeleton of an archive inside another, which has all the weights.
    """

    folder: Path
    config: Dict[str, Any]
    weights: Optional[str]


def skeleton_folder(archive_file: str, folder: Path) -> Path:
    """Return where in an unpacked archive the skeleton of another one lies."""
    digest = hashlib.sha256(archive_file.encode()).hexdigest()[:12]
    return folder / _SKELETONS / digest


@contextmanager
def unpacked(
    archive_file: Union[str, "PathLike[str]"], weights_file: Optional[str] = None
) -> Iterator[Unpacked]:
    """
    Unpack an archive while the context lasts; take a folder as it is.

    # Parameters

    archive_file : `Union[str, PathLike]`
        An archive, its address, an unpacked archive, or the folder of a training.
    weights_file : `str`, optional
        Other weights than those of the archive.

    # Raises

    `ArchiveError` for members that would land outside the folder, links that lead out of it,
    devices, an archive that is truncated, too large or none at all, a configuration that is not
    plain JSON, and an archive without weights.
    """
    around = folder_of_archive()
    if around is not None:
        skeleton = skeleton_folder(str(archive_file), around)
        if (skeleton / WEIGHTS_NAME).is_file():
            yield Unpacked(skeleton, _read_config(archive_file, skeleton), None)
            return
    check_location(str(archive_file))
    with unguarded():
        resolved = cached_path(archive_file)
        temporary = None if Path(resolved).is_dir() else tempfile.mkdtemp()
        try:
            if temporary is not None:
                _unpack(resolved, temporary)
            folder = Path(temporary or resolved)
            config = _read_config(archive_file, folder)
            weights = weights_file or archival.get_weights_path(str(folder))
            if not Path(weights).is_file():
                raise ArchiveError(
                    f"{archive_file}: there are no weights. The folder of a training has them "
                    "after its first epoch (best.th), an archive always (weights.th)."
                )
            yield Unpacked(folder, config, weights)
        finally:
            if temporary is not None:
                shutil.rmtree(temporary, ignore_errors=True)


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
                # The filter would only remove the slash; no honest archive has one.
                if member.name.startswith("/"):
                    raise tarfile.AbsolutePathError(member)
                archive.extract(member, folder, filter="data")
            _read_to_end(archive_file, archive.fileobj)
    except tarfile.FilterError as error:
        raise ArchiveError(f"{archive_file}: refused, {error}") from None
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise ArchiveError(f"{archive_file}: not a model archive, or damaged ({error})") from None


def _read_to_end(archive_file: str, file: Any) -> None:
    """Read past the last member: the checksum of gzip, which shows any damage, is at the end."""
    for _ in range(16):
        if not file.read(2**16):
            return
    raise ArchiveError(f"{archive_file}: refused, it holds data after its last member")


def _read_config(archive_file: Any, folder: Path) -> Dict[str, Any]:
    """Read the configuration as plain JSON, without evaluating it."""
    file = folder / archival.CONFIG_NAME
    if not file.is_file():
        raise ArchiveError(f"{archive_file}: not a model archive, it has no {file.name}")
    if file.stat().st_size > MAX_CONFIG_SIZE:
        raise ArchiveError(f"{archive_file}: refused, its {file.name} is too large")
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ArchiveError(
            f"{archive_file}: refused, its {file.name} is not plain JSON ({error})"
        ) from None
    if not isinstance(config, dict) or not {"model", "dataset_reader"} <= config.keys():
        raise ArchiveError(
            f"{archive_file}: not a model archive, its {file.name} has no model or no "
            "dataset_reader"
        )
    return config
