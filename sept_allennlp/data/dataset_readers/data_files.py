"""Find the files that a path of data stands for."""

import glob
from pathlib import Path
from typing import Iterable, Iterator, List, Sequence, Tuple, Union

from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import cached_path

from sept_runtime.formats.files import COMPRESSION_SUFFIXES, DamagedInputError, open_input

DataPath = Union[str, List[str]]

JSON_LINES_SUFFIXES = (".jsonl", ".json", ".ndjson")

# The folder of the documents in the output folder of 'allennlp sept-annotate'.
_ANNOTATIONS = "annotations"


def data_files(
    path: DataPath, suffixes: Sequence[str] = JSON_LINES_SUFFIXES
) -> Iterator[Tuple[str, str]]:
    """
    Yield the files that a path of data stands for, each with its place and its name in messages.

    A path may be

    - a file, or its address (as `cached_path` takes it);
    - a folder: its files with one of the suffixes, compressed or not, by name; of a folder that
      `allennlp sept-annotate` has written, its annotations;
    - a pattern such as `annotated/*.jsonl.gz`, or one that folders of `allennlp sept-annotate`
      match;
    - a list of those; a file that is named twice is read twice.

    (AllenNLP's own readers `interleaving` and `sharded` give each process of a distributed training
    whole files, of which there may be fewer than processes, and add an input to the model that says
    where a document is from.)

    # Raises

    `ConfigurationError` for a path without a file.
    """
    if isinstance(path, list):
        for one in path:
            yield from data_files(one, suffixes)
        return
    name = str(path)
    try:
        local = Path(cached_path(name, extract_archive=True))
    except FileNotFoundError:
        matching = [Path(found) for found in glob.glob(name, recursive=True)]
        if not matching:
            raise ConfigurationError(f"{name}: there is no such file") from None
        corpora = [found / _ANNOTATIONS for found in matching if (found / _ANNOTATIONS).is_dir()]
        annotated = [file for corpus in corpora for file in corpus.iterdir()]
        yield from _files([*matching, *annotated], name, suffixes)
        return
    if local.is_dir():
        annotations = local / _ANNOTATIONS
        folder = annotations if annotations.is_dir() else local
        yield from _files(folder.iterdir(), name, suffixes)
    else:
        yield str(local), name


def _files(
    candidates: Iterable[Path], name: str, suffixes: Sequence[str]
) -> Iterator[Tuple[str, str]]:
    """Yield the files that hold documents; some shards of a corpus may hold none."""
    endings = tuple(
        suffix + compression for suffix in suffixes for compression in ("", *COMPRESSION_SUFFIXES)
    )
    files = [
        str(file)
        for file in sorted(candidates)
        if file.name.endswith(endings) and file.is_file() and not file.name.startswith(".")
    ]
    files = [file for file in files if not _is_empty(file)]
    if not files:
        raise ConfigurationError(
            f"{name}: there is no document in it; files end in {', '.join(suffixes)}, or one of "
            f"these with {', '.join(COMPRESSION_SUFFIXES)}"
        )
    yield from ((file, file) for file in files)


def _is_empty(file: str) -> bool:
    with open_input(file) as content:
        try:
            return not content.read(1)
        except DamagedInputError:
            # The reader reports it, with the number of whole lines.
            return False
