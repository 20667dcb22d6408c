"""Which files a path of data stands for."""

import glob
from pathlib import Path
from typing import Iterable, Iterator, List, Tuple, Union

from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import cached_path

from sept_runtime.formats.files import DamagedInputError, open_input

DataPath = Union[str, List[str]]

# Where 'allennlp sept-annotate' puts the documents in its folder of output.
_ANNOTATIONS = "annotations"
_SUFFIXES = (".jsonl", ".json", ".jsonl.gz", ".json.gz")


def data_files(path: DataPath) -> Iterator[Tuple[str, str]]:
    """
    The files that a path of data stands for, each as a place on this machine and the name that
    messages call it by. A path may be

    - a file, or its address (what `cached_path` takes);
    - a folder: its files of JSON lines, compressed or not, by name; of a folder that
      `allennlp sept-annotate` has written, its annotations;
    - a pattern such as `annotated/*.jsonl.gz`, or one that folders of `allennlp sept-annotate`
      match;
    - a list of those, one after the other; what it names twice is read twice.

    (AllenNLP's own way would be its readers `interleaving` and `sharded`. These give each process
    of a distributed training whole files, of which there may be fewer than processes, and the model
    an input more that says where a document is from.)

    # Raises

    `ConfigurationError` for a path that stands for nothing.
    """
    if isinstance(path, list):
        for one in path:
            yield from data_files(one)
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
        yield from _shards([*matching, *annotated], name)
        return
    if local.is_dir():
        annotations = local / _ANNOTATIONS
        yield from _shards((annotations if annotations.is_dir() else local).iterdir(), name)
    else:
        yield str(local), name


def _shards(candidates: Iterable[Path], name: str) -> Iterator[Tuple[str, str]]:
    """Those of several files that hold documents; of a corpus's shards some may have none."""
    files = [
        str(file)
        for file in sorted(candidates)
        if file.name.endswith(_SUFFIXES) and file.is_file() and not file.name.startswith(".")
    ]
    shards = [file for file in files if not _is_empty(file)]
    if not shards:
        raise ConfigurationError(
            f"{name}: there is no document in it; files end in {', '.join(_SUFFIXES)}"
        )
    yield from ((shard, shard) for shard in shards)


def _is_empty(file: str) -> bool:
    with open_input(file) as content:
        try:
            return not content.read(1)
        except DamagedInputError:
            # Whoever reads the file says so.
            return False
