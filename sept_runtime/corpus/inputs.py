import glob
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Optional

from sept_runtime.errors import CorpusError
from sept_runtime.formats.files import COMPRESSION_SUFFIXES
from sept_runtime.formats.records import FORMATS, format_of_name

_KNOWN_FILES = (
    f"{', '.join(suffix for suffixes in FORMATS.values() for suffix in suffixes)}, optionally "
    f"followed by {', '.join(COMPRESSION_SUFFIXES)}"
)


@dataclass(frozen=True)
class InputFile:
    """
    An input file as it was when the run began.

    # Parameters

    path : `str`
        Absolute.
    size : `int`
        In bytes.
    mtime_ns : `int`
        The time of its last change.
    """

    path: str
    size: int
    mtime_ns: int

    @classmethod
    def at(cls, path: Path) -> "InputFile":
        """Describe a file as it is now."""
        status = path.stat()
        return cls(str(path), status.st_size, status.st_mtime_ns)

    def check_unchanged(self) -> None:
        """
        Compare the file with what it was.

        # Raises

        `CorpusError` if it has changed or is missing.
        """
        path = Path(self.path)
        if not path.is_file() or InputFile.at(path) != self:
            raise CorpusError(
                f"{self.path} has changed since the run began. Choose a new output folder."
            )


def find_inputs(names: Iterable[str], format: Optional[str] = None) -> List[InputFile]:
    """
    Find input files by name.

    A name is a file, a folder (with all files of documents in it and its subfolders, in
    alphabetical order) or a pattern such as `corpus/**/*.jsonl.gz`. The files are in the order of
    the names; a file that is named twice is read once. With a `format`, a file may have any name.

    # Raises

    `CorpusError` if a name matches no file, or a file of another type.
    """
    # A link is followed, but keeps its name, whose suffix gives the format.
    by_file: Dict[Path, Path] = {}
    for name in names:
        found = list(_files(name, format))
        if not found:
            raise CorpusError(
                f"{name}: no file to annotate was found. The names of files must end in "
                f"{_KNOWN_FILES}."
            )
        for path in found:
            by_file.setdefault(path.resolve(), path)
    return [InputFile.at(path) for path in by_file.values()]


def _files(name: str, format: Optional[str]) -> Iterator[Path]:
    path = Path(name)
    if path.is_file():
        if format is None and not _has_documents(path):
            raise CorpusError(
                f"{name}: unknown type of file. Name its format by --format; without it, the names "
                f"of files must end in {_KNOWN_FILES}."
            )
        yield path.absolute()
        return
    candidates = _below(path) if path.is_dir() else map(Path, glob.glob(name, recursive=True))
    for candidate in sorted(candidates):
        if _has_documents(candidate) and candidate.is_file():
            yield candidate.absolute()


def _below(folder: Path) -> Iterator[Path]:
    """Find all files, also in folders that are links. Hidden folders are skipped."""
    entered = set()
    for name, folders, files in os.walk(folder, followlinks=True):
        # Links may form a cycle.
        here = Path(name).resolve()
        folders[:] = [] if here in entered else [sub for sub in folders if sub[0] != "."]
        if here not in entered:
            yield from (Path(name, file) for file in files)
        entered.add(here)


def _has_documents(path: Path) -> bool:
    return format_of_name(path.name) is not None and not path.name.startswith(".")
