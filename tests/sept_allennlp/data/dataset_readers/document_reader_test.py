"""Tests of the readers of all formats."""

import json
import tarfile
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, NamedTuple

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Instance, Vocabulary
from allennlp.data.data_loaders import MultiProcessDataLoader


class Format(NamedTuple):
    """
    A reader's parameters, a file of documents of two words with one entity, and a file whose second
    line is invalid.
    """

    params: Dict[str, Any]
    documents: Callable[[int], str]
    bad: str

    def reader(self, **options: Any) -> DatasetReader:
        return DatasetReader.from_params(Params({**self.params, **options}))


def scierc_documents(count: int) -> str:
    document = {"sentences": [["a", "parser"]], "ner": [[[1, 1, "Method"]]]}
    return "".join(json.dumps({"doc_key": f"d-{n + 1}", **document}) + "\n" for n in range(count))


def conll_documents(count: int) -> str:
    return "a O\nparser B-Method\n\n" * count


FORMATS = {
    "scierc": Format({"type": "scierc"}, scierc_documents, scierc_documents(1) + "{\n"),
    "conll": Format(
        {"type": "conll", "max_context_words": 2}, conll_documents, "a O\nparser S-Method\n"
    ),
}


@pytest.fixture(params=FORMATS)
def format(request: pytest.FixtureRequest) -> Format:
    return FORMATS[request.param]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    def write_file(content: str, name: str = "d.txt") -> str:
        (tmp_path / name).write_text(content, encoding="utf-8")
        return str(tmp_path / name)

    return write_file


def keys(instances: Iterable[Instance]) -> List[str]:
    return [instance["metadata"]["document"].key for instance in instances]


def test_words_are_indexed_singly_by_default(format: Format, write: Callable[..., str]) -> None:
    loader = MultiProcessDataLoader(format.reader(), write(format.documents(1)), batch_size=1)
    loader.index_with(Vocabulary.from_instances(loader.iter_instances()))
    (batch,) = loader
    assert batch["text"]["tokens"]["tokens"].shape == (1, 2)


def test_reading_twice_gives_the_same(format: Format, write: Callable[..., str]) -> None:
    path = write(format.documents(3))
    reader = format.reader()
    assert list(reader.read(path)) == list(reader.read(path))


def test_a_missing_file_is_a_configuration_error(format: Format, tmp_path: Path) -> None:
    path = str(tmp_path / "missing.txt")
    with pytest.raises(ConfigurationError) as caught:
        list(format.reader().read(path))
    assert str(caught.value) == f"{path}: there is no such file"


def test_a_file_in_an_archive_is_read_and_named_by_its_address(
    format: Format,
    tmp_path: Path,
    write: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("allennlp.common.file_utils.CACHE_DIRECTORY", str(tmp_path / "cache"))
    archive = tmp_path / "sets.tar.gz"
    with tarfile.open(archive, "w:gz") as members:
        members.add(write(format.documents(1)), "set/d.txt")
        members.add(write(format.bad, name="bad.txt"), "set/bad.txt")
    reader = format.reader()
    assert keys(reader.read(f"{archive}!set/d.txt")) == ["d-1"]
    with pytest.raises(ConfigurationError) as caught:
        list(reader.read(f"{archive}!set/bad.txt"))
    assert str(caught.value).startswith(f"{archive}!set/bad.txt, line 2: ")
    with pytest.raises(ConfigurationError, match="there is no such file"):
        list(reader.read(f"{archive}!set/missing.txt"))


@pytest.mark.parametrize("world_size", [2, 3, 4])
@pytest.mark.parametrize("num_documents", [1, 3, 4, 6])
def test_processes_share_the_documents_evenly(
    world_size: int,
    num_documents: int,
    format: Format,
    write: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = write(format.documents(num_documents))
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: world_size)
    shares = []
    for rank in range(world_size):
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        shares.append(list(format.reader().read(path)))
    assert len({len(share) for share in shares}) == 1

    instances = [instance for share in shares for instance in share]
    real = [instance for instance in instances if len(instance["text"])]
    assert sorted(keys(real)) == [f"d-{number}" for number in range(1, num_documents + 1)]
    # What fills the last round up has nothing in it, and nothing to find.
    filling = [instance for instance in instances if not len(instance["text"])]
    assert len(filling) == -num_documents % world_size
    assert all(instance["metadata"]["document"].entities == [] for instance in filling)


def test_worker_processes_of_a_loader_share_the_documents(
    format: Format, write: Callable[..., str]
) -> None:
    loader = MultiProcessDataLoader(
        format.reader(),
        write(format.documents(5)),
        batch_size=1,
        num_workers=2,
        start_method="fork",
    )
    assert sorted(keys(loader.iter_instances())) == [f"d-{number}" for number in range(1, 6)]


def test_no_more_documents_than_asked_for(format: Format, write: Callable[..., str]) -> None:
    path = write(format.documents(5))
    assert keys(format.reader(max_instances=2).read(path)) == ["d-1", "d-2"]
