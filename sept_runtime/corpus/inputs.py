import glob
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterable, Iterator, List

JSON_LINES_SUFFIXES = (".jsonl", ".json", ".ndjson")
PARQUET_SUFFIX = ".parquet"
GZIP_SUFFIX = ".gz"
ZSTD_SUFFIX = ".zst"

_SUFFIXES = (
    *(base + end for base in JSON_LINES_SUFFIXES for end in ("", GZIP_SUFFIX, ZSTD_SUFFIX)),
    PARQUET_SUFFIX,
)


class CorpusError(RuntimeError):
    """What keeps a corpus run from its end; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class InputFile:
    """
    A file of the corpus, as it was when the run began.

    # Parameters

    path : `str`
        Absolute.
    size : `int`
        In bytes.
    mtime_ns : `int`
        When it was last changed.
    """

    path: str
    size: int
    mtime_ns: int

    @classmethod
    def at(cls, path: Path) -> "InputFile":
        """Describes a file as it is now."""
        status = path.stat()
        return cls(str(path), status.st_size, status.st_mtime_ns)

    def check_unchanged(self) -> None:
        """
        # Raises

        `CorpusError` if the file is not what it was: then its lines may not be, either.
        """
        path = Path(self.path)
        if not path.is_file() or InputFile.at(path) != self:
            raise CorpusError(
                f"{self.path}: the file has changed since the run began; annotate it into a new "
                "output folder"
            )


def find_inputs(names: Iterable[str]) -> List[InputFile]:
    """
    Finds the files that the names stand for: a name may be a file, a folder (all files in it and
    below whose names say that they hold documents, in alphabetical order), or a pattern such as
    `corpus/**/*.jsonl.gz`. The order is that of the names; a file that is named twice counts once.

    # Raises

    `CorpusError` for a name that stands for nothing, and for a file of another kind.
    """
    # What a file holds is known by its name, and not by that of the file that it is a link to.
    by_file: Dict[Path, Path] = {}
    for name in names:
        found = list(_files(name))
        if not found:
            raise CorpusError(
                f"{name}: there is no file to annotate; files end in {', '.join(_SUFFIXES)}"
            )
        for path in found:
            by_file.setdefault(path.resolve(), path)
    return [InputFile.at(path) for path in by_file.values()]


def _files(name: str) -> Iterator[Path]:
    path = Path(name)
    if path.is_file():
        if not _has_documents(path):
            raise CorpusError(
                f"{name}: its name does not say what it holds; files end in {', '.join(_SUFFIXES)}"
            )
        yield path.absolute()
        return
    candidates = _below(path) if path.is_dir() else map(Path, glob.glob(name, recursive=True))
    for candidate in sorted(candidates):
        if _has_documents(candidate) and candidate.is_file():
            yield candidate.absolute()


def _below(folder: Path) -> Iterator[Path]:
    """Finds all files, also in folders that are links; hidden folders are left out."""
    entered = set()
    for name, folders, files in os.walk(folder, followlinks=True):
        # Links may lead in a circle.
        here = Path(name).resolve()
        folders[:] = [] if here in entered else [sub for sub in folders if sub[0] != "."]
        if here not in entered:
            yield from (Path(name, file) for file in files)
        entered.add(here)


def _has_documents(path: Path) -> bool:
    return path.name.endswith(_SUFFIXES) and not path.name.startswith(".")
