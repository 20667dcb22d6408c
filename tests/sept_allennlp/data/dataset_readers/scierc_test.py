import pytest
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Vocabulary
from allennlp.data.data_loaders import MultiProcessDataLoader
from allennlp.data.fields import TextField
from allennlp.data.token_indexers import SingleIdTokenIndexer

from sept_allennlp.data.dataset_readers import SciERCReader
from sept_allennlp.data.token_indexers import WordPieceIndexer
from sept_allennlp.modules.candidate_spans import PADDING
from sept_runtime.documents import Document

FIRST = {
    "doc_key": "A-1",
    "sentences": [["We", "train", "-LRB-", "parsers", "-RRB-"], ["It", "works"]],
    "ner": [[[3, 3, "Method"], [1, 3, "Task"]], [[5, 5, "Method"]]],
    "relations": [[], []],
}
SECOND = {"doc_key": "A-2", "sentences": [["A", "model"]]}
THIRD = {"doc_key": "A-3", "sentences": [], "ner": []}


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
    assert document == Document("A-1", FIRST["sentences"], first["gold"].spans, relations=[])
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


RELATED = {
    "doc_key": "A-8",
    "sentences": [["We", "train", "parsers"], ["fast", "parsers"]],
    "ner": [[[0, 0, "Generic"], [2, 2, "Method"]], [[3, 3, "Metric"], [4, 4, "Method"]]],
    "relations": [[[0, 0, 2, 2, "USED-FOR"]], [[4, 4, 3, 3, "PART-OF"]]],
}


def test_relations_are_a_tensor_on_request(write_jsonl):
    path = write_jsonl(RELATED, SECOND)
    assert "relations" not in next(iter(SciERCReader().read(path))).fields
    reader = SciERCReader(relations=True)
    loader = MultiProcessDataLoader(reader, path, batch_size=2)
    vocab = Vocabulary.from_instances(loader.iter_instances())
    assert vocab.get_token_to_index_vocabulary("relation_labels") == {"USED-FOR": 0, "PART-OF": 1}
    loader.index_with(vocab)
    (batch,) = loader
    padding = [PADDING] * 5
    assert batch["relations"].tolist() == [
        [[0, 0, 2, 2, 0], [4, 4, 3, 3, 1]],
        [padding, padding],
    ]


def test_a_relation_that_training_has_not_seen_is_a_configuration_error(write_jsonl):
    vocab = Vocabulary.from_instances(
        SciERCReader(relations=True).read(write_jsonl(RELATED, name="train.json"))
    )
    unseen = {**RELATED, "relations": [[[0, 0, 2, 2, "CAUSES"]], []]}
    path = write_jsonl(RELATED, unseen, name="dev.json")
    loader = MultiProcessDataLoader(SciERCReader(relations=True), path, batch_size=2)
    with pytest.raises(ConfigurationError) as caught:
        loader.index_with(vocab)
    message = str(caught.value)
    assert message.startswith(f"{path}, line 2: document 'A-8': ")
    assert "[0, 0, 2, 2, 'CAUSES']" in message
    # Who does not ask for relations need not know their labels.
    loader = MultiProcessDataLoader(SciERCReader(), path, batch_size=2)
    loader.index_with(vocab)
