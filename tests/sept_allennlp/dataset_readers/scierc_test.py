import tarfile
from typing import Any, Dict, List

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Vocabulary
from allennlp.data.data_loaders import MultiProcessDataLoader
from allennlp.data.fields import TextField
from allennlp.data.token_indexers import SingleIdTokenIndexer

from sept_allennlp.dataset_readers import SciERCReader
from sept_allennlp.modules.candidate_spans import PADDING
from sept_allennlp.token_indexers import WordPieceIndexer
from sept_runtime.documents import Document

FIRST = {
    "doc_key": "A-1",
    "sentences": [["We", "train", "-LRB-", "parsers", "-RRB-"], ["It", "works"]],
    "ner": [[[3, 3, "Method"], [1, 3, "Task"]], [[5, 5, "Method"]]],
    "relations": [[], []],
}
SECOND = {"doc_key": "A-2", "sentences": [["A", "model"]]}
THIRD = {"doc_key": "A-3", "sentences": [], "ner": []}


def empty_document(number: int) -> Dict[str, Any]:
    return {"doc_key": f"A-{number}", "sentences": [["a"]], "ner": [[]]}


def keys(instances) -> List[str]:
    return [instance["metadata"]["document"].key for instance in instances]


def test_a_document_becomes_an_instance(write_jsonl):
    path = write_jsonl(FIRST, SECOND, THIRD)
    first, second, third = SciERCReader().read(path)
    assert set(first.fields) == {"text", "sentence_ids", "gold", "metadata"}

    assert isinstance(first["text"], TextField)
    assert [token.text for token in first["text"]] == [
        *["We", "train", "(", "parsers", ")", "It", "works"]
    ]
    assert first["sentence_ids"].tensor.tolist() == [0, 0, 0, 0, 0, 1, 1]
    assert first["gold"].spans == [(3, 3, "Method"), (1, 3, "Task"), (5, 5, "Method")]
    document = first["metadata"]["document"]
    assert document == Document("A-1", FIRST["sentences"], first["gold"].spans)
    assert document.origin == f"{path}, line 1"

    assert second["gold"].spans == []
    assert second["metadata"]["document"].entities is None
    assert len(third["text"]) == 0
    assert third["metadata"]["document"].entities == []


def test_a_batch_of_tensors_by_hand(write_jsonl, tiny_encoder):
    reader = SciERCReader({"tokens": WordPieceIndexer(tiny_encoder)})
    loader = MultiProcessDataLoader(reader, write_jsonl(FIRST, SECOND, THIRD), batch_size=3)
    vocab = Vocabulary.from_instances(loader.iter_instances())
    assert vocab.get_token_to_index_vocabulary("labels") == {"Method": 0, "Task": 1}
    loader.index_with(vocab)
    (batch,) = loader

    assert batch["sentence_ids"].tolist() == [
        [0, 0, 0, 0, 0, 1, 1],
        [0, 0] + [PADDING] * 5,
        [PADDING] * 7,
    ]
    padding = [PADDING] * 3
    assert batch["gold"].tolist() == [
        [[3, 3, 0], [1, 3, 1], [5, 5, 0]],
        [padding] * 3,
        [padding] * 3,
    ]
    text = batch["text"]["tokens"]
    # "parsers" has two pieces, "works" is "work" and "##s", "train" five.
    pieces = ["we", "t", "##r", "##a", "##i", "##n", "(", "parser", "##s", ")", "it", "work", "##s"]
    with open(f"{tiny_encoder}/vocab.txt", encoding="utf-8") as lines:
        vocabulary = [line.rstrip("\n") for line in lines]
    assert [vocabulary[index] for index in text["token_ids"][0]] == pieces
    assert text["piece_offsets"][0].tolist() == [
        *[[0, 0], [1, 5], [6, 6], [7, 8], [9, 9], [10, 10], [11, 12]]
    ]
    assert text["mask"].sum(dim=1).tolist() == [7, 2, 0]
    assert text["wordpiece_mask"].sum(dim=1).tolist() == [13, 2, 0]
    assert [fields["document"].key for fields in batch["metadata"]] == ["A-1", "A-2", "A-3"]


def test_words_are_indexed_singly_by_default(write_jsonl):
    loader = MultiProcessDataLoader(SciERCReader(), write_jsonl(FIRST), batch_size=1)
    loader.index_with(Vocabulary.from_instances(loader.iter_instances()))
    (batch,) = loader
    assert batch["text"]["tokens"]["tokens"].shape == (1, 7)


def test_reading_twice_gives_the_same(write_jsonl):
    path = write_jsonl(FIRST, SECOND, THIRD)
    reader = SciERCReader()
    assert list(reader.read(path)) == list(reader.read(path))


def test_is_registered_and_labels_go_to_the_namespace_that_is_given(write_jsonl):
    reader = DatasetReader.from_params(
        Params(
            {
                "type": "scierc",
                "token_indexers": {"words": {"type": "single_id"}},
                "label_namespace": "ner_labels",
            }
        )
    )
    assert isinstance(reader, SciERCReader)
    instances = list(reader.read(write_jsonl(FIRST)))
    vocab = Vocabulary.from_instances(instances)
    assert set(vocab.get_token_to_index_vocabulary("ner_labels")) == {"Method", "Task"}
    assert isinstance(instances[0]["text"].token_indexers["words"], SingleIdTokenIndexer)


def test_a_bad_file_is_a_configuration_error_with_file_line_key_and_fault(write_jsonl):
    bad = {**FIRST, "doc_key": "A-9", "ner": [[[4, 5, "Task"]], []]}
    path = write_jsonl(FIRST, bad)
    with pytest.raises(ConfigurationError) as caught:
        list(SciERCReader().read(path))
    message = str(caught.value)
    assert message.startswith(f"{path}, line 2: document 'A-9', sentence 0: entity [4, 5, ")
    assert "holds words 0 to 4" in message


def test_a_missing_file_is_a_configuration_error(tmp_path):
    path = str(tmp_path / "missing.json")
    with pytest.raises(ConfigurationError) as caught:
        list(SciERCReader().read(path))
    assert str(caught.value) == f"{path}: there is no such file"


def test_a_file_in_an_archive_is_read_and_named_by_its_address(tmp_path, write_jsonl, monkeypatch):
    monkeypatch.setattr("allennlp.common.file_utils.CACHE_DIRECTORY", str(tmp_path / "cache"))
    archive = tmp_path / "data.tar.gz"
    with tarfile.open(archive, "w:gz") as members:
        members.add(write_jsonl(FIRST), "json/train.json")
        members.add(write_jsonl("{", name="bad.jsonl"), "json/bad.json")
    assert keys(SciERCReader().read(f"{archive}!json/train.json")) == ["A-1"]
    with pytest.raises(ConfigurationError) as caught:
        list(SciERCReader().read(f"{archive}!json/bad.json"))
    assert str(caught.value).startswith(f"{archive}!json/bad.json, line 1: ")
    with pytest.raises(ConfigurationError, match="there is no such file"):
        list(SciERCReader().read(f"{archive}!json/missing.json"))


def test_a_label_that_training_has_not_seen_is_a_configuration_error(write_jsonl):
    reader = SciERCReader()
    vocab = Vocabulary.from_instances(reader.read(write_jsonl(FIRST, name="train.json")))
    unseen = {"doc_key": "A-7", "sentences": [["a", "b"]], "ner": [[[0, 1, "Person"]]]}
    path = write_jsonl(SECOND, unseen, name="dev.json")
    loader = MultiProcessDataLoader(reader, path, batch_size=2)
    with pytest.raises(ConfigurationError) as caught:
        loader.index_with(vocab)
    message = str(caught.value)
    assert message.startswith(f"{path}, line 2: document 'A-7': ")
    assert "[0, 1, 'Person']" in message
    assert "Method, Task" in message


@pytest.mark.parametrize("world_size", [2, 3, 4])
@pytest.mark.parametrize("num_documents", [1, 3, 4, 6])
def test_processes_share_the_documents_evenly(world_size, num_documents, write_jsonl, monkeypatch):
    path = write_jsonl(*(empty_document(number) for number in range(num_documents)))
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: world_size)
    shares = []
    for rank in range(world_size):
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        shares.append(list(SciERCReader().read(path)))
    assert len({len(share) for share in shares}) == 1

    instances = [instance for share in shares for instance in share]
    real = [instance for instance in instances if len(instance["text"])]
    assert sorted(keys(real)) == [f"A-{number}" for number in range(num_documents)]
    # What fills the last round up has nothing in it, and nothing to find.
    assert len(instances) - len(real) == -num_documents % world_size
    for instance in instances:
        assert instance["metadata"]["document"].entities == []


def test_worker_processes_of_a_loader_share_the_documents(write_jsonl):
    path = write_jsonl(*(empty_document(number) for number in range(5)))
    loader = MultiProcessDataLoader(
        SciERCReader(), path, batch_size=1, num_workers=2, start_method="fork"
    )
    assert sorted(keys(loader.iter_instances())) == [f"A-{number}" for number in range(5)]


def test_no_more_documents_than_asked_for(write_jsonl):
    path = write_jsonl(*(empty_document(number) for number in range(5)))
    assert keys(SciERCReader(max_instances=2).read(path)) == ["A-0", "A-1"]
