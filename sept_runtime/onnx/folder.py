"""The folder of an exported model: its files, and checks that they are complete and unchanged."""

import hashlib
from pathlib import Path
from typing import Dict, Iterable, Optional

from sept_runtime.errors import ExportedModelError, training_command
from sept_runtime.onnx.configuration import (
    Configuration,
    FileFacts,
    read_configuration,
    write_configuration,
)
from sept_runtime.tokenization.word_pieces import WordPieces

CONFIGURATION = "sept.json"
TOKENIZER = "tokenizer.json"

_MAX_CONFIGURATION_SIZE = 16 * 2**20
_BLOCK = 2**18


def is_exported(path: Path) -> bool:
    """Return whether the folder has an exported model, complete or not."""
    return (path / CONFIGURATION).is_file()


def read_folder(folder: Path) -> Configuration:
    """
    Read the configuration of an exported model and check that its files are as they were written.

    # Raises

    `ExportedModelError` if there is no exported model, if it is damaged, has a newer version, or
    names files outside its folder.
    """
    if not folder.exists():
        raise ExportedModelError(f"{folder}: no such folder")
    if not folder.is_dir():
        raise ExportedModelError(
            f"{folder}: not the folder of an exported model; export an archive "
            f"{training_command('sept-export')}"
        )
    path = member(folder, CONFIGURATION)
    if path.stat().st_size > _MAX_CONFIGURATION_SIZE:
        raise ExportedModelError(f"{path}: refused, too large for a configuration")
    configuration = read_configuration(path.read_bytes(), str(path))
    for name in (TOKENIZER, *configuration.graphs):
        facts = configuration.files.get(name)
        if facts is None:
            raise ExportedModelError(f"{path}: 'files' has no entry for {name}; export again")
        file = member(folder, name)
        if file.stat().st_size != facts.size or file_digest(file) != facts.sha256:
            raise ExportedModelError(
                f"{file}: damaged, or part of another model; copy the folder again, or export the "
                "model again"
            )
    return configuration


def read_word_pieces(folder: Path, configuration: Configuration) -> WordPieces:
    """
    Load the tokenizer of an exported model.

    # Raises

    `ExportedModelError` if the tokenizer cannot be loaded.
    """
    # Imported here because only prediction needs it.
    import tokenizers

    path = member(folder, TOKENIZER)
    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:
        raise ExportedModelError(
            f"{path}: cannot be loaded ({error}); export the model again"
        ) from None
    return WordPieces(tokenizer, configuration.unknown_piece)


def save_configuration(folder: Path, configuration: Configuration) -> None:
    """Write the file that `read_folder` reads, over an existing one."""
    (folder / CONFIGURATION).write_bytes(write_configuration(configuration))


def member(folder: Path, name: str) -> Path:
    """
    Return a file of the folder.

    A file may be a link into the cache of `huggingface_hub`, whose folder `snapshots/REVISION/`
    links to `blobs/` beside `snapshots/`.

    # Raises

    `ExportedModelError` if the file is missing, or if its name or a link leads outside the folder.
    """
    # Also what Windows takes for a part of a path.
    if Path(name).name != name or "\\" in name or ":" in name or name in (".", ".."):
        raise ExportedModelError(f"{folder}: refused, {name!r} is not the name of a file in it")
    path = folder / name
    target = path.resolve()
    if target.parent not in (folder.resolve(), _hub_blobs(folder)):
        raise ExportedModelError(
            f"{path}: refused, this link leads outside the folder; copy the folder with the files "
            "that its links name ('cp -rL')"
        )
    if not path.is_file():
        raise ExportedModelError(
            f"{path}: missing; copy the folder again, or export the model again"
        )
    return path


def _hub_blobs(folder: Path) -> Optional[Path]:
    """Return the folder of the files of a `huggingface_hub` snapshot; `None` for other folders."""
    folder = folder.resolve()
    for parent in folder.parents:
        if parent.name == "snapshots" and (parent.parent / "blobs").is_dir():
            return parent.parent / "blobs"
    return None


def facts_of(folder: Path, names: Iterable[str]) -> Dict[str, FileFacts]:
    """Return the sizes and digests of files, which `read_folder` checks."""
    return {
        name: FileFacts((folder / name).stat().st_size, file_digest(folder / name))
        for name in names
    }


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def folder_digest(folder: Path) -> str:
    """
    Return a digest of an exported model: of its configuration, which has the digests of all files.

    # Raises

    `ExportedModelError` as `read_folder`, which checks the files.
    """
    read_folder(folder)
    return file_digest(folder / CONFIGURATION)


def folder_size(folder: Path) -> int:
    """Return the size of all files of the folder in bytes."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
