import tarfile
from pathlib import Path
from typing import Any, Callable, List

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Vocabulary
from allennlp.data.data_loaders import MultiProcessDataLoader

from sept_allennlp.dataset_readers import ConllReader
from sept_allennlp.token_indexers import WordPieceIndexer

WriteFile = Callable[..., str]

CONTENT = "We O\ntrain O\nparsers I-Method\n\nIt O\nworks B-Task\n\n"


@pytest.fixture
def write(tmp_path: Path) -> WriteFile:
    def write_file(content: str, name: str = "train.txt") -> str:
        (tmp_path / name).write_text(content, encoding="utf-8")
        return str(tmp_path / name)

    return write_file


def keys(instances: Any) -> List[str]:
    return [instance["metadata"]["document"].key for instance in instances]


def test_a_context_becomes_an_instance(write: WriteFile) -> None:
    path = write(CONTENT)
    (instance,) = ConllReader().read(path)
    assert set(instance.fields) == {"text", "sentence_ids", "gold", "metadata"}
    words = ["We", "train", "parsers", "It", "works"]
    assert [token.text for token in instance["text"]] == words
    assert instance["sentence_ids"].tensor.tolist() == [0, 0, 0, 1, 1]
    assert instance["gold"].spans == [(2, 2, "Method"), (4, 4, "Task")]
    document = instance["metadata"]["document"]
    assert (document.key, document.origin) == ("train-1", f"{path}, line 1")


def test_a_batch_of_tensors_by_hand(write: WriteFile, tiny_encoder: str) -> None:
    reader = ConllReader(max_context_words=3, token_indexers={"t": WordPieceIndexer(tiny_encoder)})
    loader = MultiProcessDataLoader(reader, write(CONTENT), batch_size=2)
    loader.index_with(Vocabulary.from_instances(loader.iter_instances()))
    (batch,) = loader
    assert batch["sentence_ids"].tolist() == [[0, 0, 0], [0, 0, -1]]
    assert batch["gold"].tolist() == [[[2, 2, 0]], [[1, 1, 1]]]
    assert batch["text"]["t"]["mask"].sum(dim=1).tolist() == [3, 2]


def test_is_registered_with_the_parameters_of_every_reader(write: WriteFile) -> None:
    reader = DatasetReader.from_params(
        Params(
            {
                "type": "conll",
                "max_context_words": 3,
                "token_indexers": {"words": {"type": "single_id"}},
                "label_namespace": "ner_labels",
                "max_instances": 1,
            }
        )
    )
    assert isinstance(reader, ConllReader)
    (instance,) = reader.read(write(CONTENT))
    assert len(instance["text"]) == 3
    assert instance["text"].token_indexers.keys() == {"words"}
    vocab = Vocabulary.from_instances([instance])
    assert set(vocab.get_token_to_index_vocabulary("ner_labels")) == {"Method"}


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_that_no_word_fits_in_is_refused(limit: int) -> None:
    with pytest.raises(ConfigurationError, match=f"max_context_words must be at least 1: {limit}"):
        ConllReader(max_context_words=limit)


def test_a_file_in_an_archive_is_read_and_named_by_its_address(
    tmp_path: Path, write: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("allennlp.common.file_utils.CACHE_DIRECTORY", str(tmp_path / "cache"))
    archive = tmp_path / "sets.tar.gz"
    with tarfile.open(archive, "w:gz") as members:
        members.add(write(CONTENT), "NCBI-disease/train.txt")
        members.add(write("We O\ntrain S-Task\n", name="bad.txt"), "NCBI-disease/bad.txt")
    assert keys(ConllReader().read(f"{archive}!NCBI-disease/train.txt")) == ["train-1"]
    with pytest.raises(ConfigurationError) as caught:
        list(ConllReader().read(f"{archive}!NCBI-disease/bad.txt"))
    assert str(caught.value).startswith(f"{archive}!NCBI-disease/bad.txt, line 2: the tag 'S-Task'")
    with pytest.raises(ConfigurationError, match="there is no such file"):
        list(ConllReader().read(f"{archive}!NCBI-disease/missing.txt"))


@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_share_the_contexts_evenly(
    world_size: int, write: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("w O\n\n" * 4)
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: world_size)
    shares = []
    for rank in range(world_size):
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        shares.append(list(ConllReader(max_context_words=1).read(path)))
    assert [len(share) for share in shares] == [2] * world_size
    read = [key for share in shares for key in keys(share) if key]
    assert sorted(read) == ["train-1", "train-2", "train-3", "train-4"]
