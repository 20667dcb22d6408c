"""The folder of an exported model: what is in it, and whether that is what was written."""

import hashlib
import json
from pathlib import Path
from typing import Dict, Iterable

from sept_runtime.errors import ExportedModelError
from sept_runtime.onnx.configuration import Configuration, FileFacts
from sept_runtime.tokenization.word_pieces import WordPieces

CONFIGURATION = "sept.json"
TOKENIZER = "tokenizer.json"

_MAX_CONFIGURATION_SIZE = 16 * 2**20
_BLOCK = 2**18


def is_exported(path: Path) -> bool:
    """Whether there is an exported model, whole or not."""
    return (path / CONFIGURATION).is_file()


def read_folder(folder: Path) -> Configuration:
    """
    The configuration of an exported model, whose files are all there and as they were written.

    # Raises

    `ExportedModelError` if it is none, is damaged, of a newer version, or reaches outside its
    folder.
    """
    if not folder.is_dir():
        raise ExportedModelError(
            f"{folder}: there is no such folder"
            if not folder.exists()
            else f"{folder}: is no folder of an exported model; an archive becomes one by "
            "'allennlp sept-export'"
        )
    configuration = Configuration.from_json(*_read_configuration(folder))
    for name in (TOKENIZER, *configuration.graphs):
        if name not in configuration.files:
            raise ExportedModelError(
                f"{folder / CONFIGURATION}: 'files' does not tell of {name}; export the model again"
            )
        path = member(folder, name)
        facts = configuration.files[name]
        if path.stat().st_size != facts.size or file_digest(path) != facts.sha256:
            raise ExportedModelError(
                f"{path}: is damaged, or of another model; copy the folder again, or export the "
                "model again"
            )
    return configuration


def read_word_pieces(folder: Path, configuration: Configuration) -> WordPieces:
    """
    What cuts words into pieces in an exported model.

    # Raises

    `ExportedModelError` if its tokenizer cannot be loaded.
    """
    # Only now: what does not predict needs none.
    import tokenizers

    path = member(folder, TOKENIZER)
    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:
        raise ExportedModelError(
            f"{path}: cannot be loaded ({error}); export the model again"
        ) from None
    return WordPieces(tokenizer, configuration.unknown_piece)


def _read_configuration(folder: Path) -> "tuple[object, str]":
    path = member(folder, CONFIGURATION)
    if path.stat().st_size > _MAX_CONFIGURATION_SIZE:
        raise ExportedModelError(f"{path}: refused, it is too large for a configuration")
    try:
        return json.loads(path.read_text(encoding="utf-8")), str(path)
    except (ValueError, RecursionError) as error:
        raise ExportedModelError(
            f"{path}: is damaged, not JSON ({error}); export the model again"
        ) from None


def write_configuration(folder: Path, configuration: Configuration) -> None:
    """What `read_folder` reads; one that is there is replaced."""
    text = json.dumps(configuration.to_json(), indent=2, ensure_ascii=False)
    (folder / CONFIGURATION).write_text(f"{text}\n", encoding="utf-8")


def member(folder: Path, name: str) -> Path:
    """
    A file of the folder.

    # Raises

    `ExportedModelError` if it is missing, or lies somewhere else: by its name, or because it is a
    link.
    """
    # Also what Windows takes for a part of a path.
    if Path(name).name != name or "\\" in name or ":" in name or name in (".", ".."):
        raise ExportedModelError(f"{folder}: refused, {name!r} is no name of a file in the folder")
    path = folder / name
    if path.resolve().parent != folder.resolve():
        raise ExportedModelError(
            f"{path}: refused, it is a link that leads out of the folder; copy the folder with "
            "what its links lead to ('cp -rL')"
        )
    if not path.is_file():
        raise ExportedModelError(
            f"{path}: is missing; copy the folder again, or export the model again"
        )
    return path


def facts_of(folder: Path, names: Iterable[str]) -> Dict[str, FileFacts]:
    """What `read_folder` compares files with."""
    return {
        name: FileFacts((folder / name).stat().st_size, file_digest(folder / name))
        for name in names
    }


def file_digest(path: Path) -> str:
    """The SHA-256 of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def folder_digest(folder: Path) -> str:
    """
    A digest of an exported model: of its configuration, which has those of all other files.

    # Raises

    `ExportedModelError` where `read_folder` does: so the other files are what it says.
    """
    read_folder(folder)
    return file_digest(folder / CONFIGURATION)


def folder_size(folder: Path) -> int:
    """In bytes."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
