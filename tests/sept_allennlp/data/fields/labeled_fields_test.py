from collections import defaultdict
from typing import Any, Dict

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Batch, Instance, Vocabulary

from sept_allennlp.data.fields import LabeledRelationsField, LabeledSpansField
from sept_allennlp.modules.candidate_spans import PADDING
from sept_runtime.documents import AnnotatedRelation, AnnotatedSpan

SPANS = [AnnotatedSpan(0, 2, "Task"), AnnotatedSpan(1, 1, "Method"), AnnotatedSpan(4, 4, "Task")]


def instances(*documents) -> list:
    return [Instance({"gold": LabeledSpansField(spans)}) for spans in documents]


def test_a_batch_is_padded_and_labels_are_those_of_the_vocabulary():
    batch = Batch(instances(SPANS, [], SPANS[1:2]))
    vocab = Vocabulary.from_instances(batch)
    task, method = (vocab.get_token_index(label, "labels") for label in ("Task", "Method"))
    # Two Tasks, one Method, and a namespace of labels has neither padding nor unknown.
    assert (task, method) == (0, 1)
    batch.index_instances(vocab)
    padding = [PADDING] * 3
    assert batch.as_tensor_dict()["gold"].tolist() == [
        [[0, 2, task], [1, 1, method], [4, 4, task]],
        [padding, padding, padding],
        [[1, 1, method], padding, padding],
    ]


def test_a_batch_without_any_span():
    batch = Batch(instances([], []))
    batch.index_instances(Vocabulary())
    tensor = batch.as_tensor_dict()["gold"]
    assert tensor.shape == (2, 0, 3)
    assert tensor.dtype == torch.long


def test_labels_are_counted_in_the_namespace_that_is_given():
    counter: dict = defaultdict(lambda: defaultdict(int))
    LabeledSpansField(SPANS, label_namespace="ner_labels").count_vocab_items(counter)
    assert counter == {"ner_labels": {"Task": 2, "Method": 1}}


def test_a_label_that_the_vocabulary_lacks_is_refused_by_document_and_name():
    vocab = Vocabulary(non_padded_namespaces=["labels"])
    vocab.add_tokens_to_namespace(["Task", "Material"], "labels")
    field = LabeledSpansField(SPANS, described_as="dev.json, line 3: document 'A-1'")
    with pytest.raises(ConfigurationError) as caught:
        field.index(vocab)
    message = str(caught.value)
    assert message.startswith("dev.json, line 3: document 'A-1': ")
    assert "[1, 1, 'Method']" in message
    assert "The model knows Material, Task." in message


def test_a_tensor_needs_an_index_first():
    with pytest.raises(ConfigurationError, match="index"):
        LabeledSpansField(SPANS).as_tensor({"num_spans": 3})


def test_an_empty_field_is_only_padding():
    field = LabeledSpansField(SPANS).empty_field()
    assert len(field) == 0
    assert field.get_padding_lengths() == {"num_spans": 0}
    assert field.as_tensor({"num_spans": 2}).tolist() == [[PADDING] * 3] * 2


def test_length_and_description():
    field = LabeledSpansField(SPANS)
    assert len(field) == 3
    assert str(field) == "LabeledSpansField with 3 rows"


RELATIONS = [
    AnnotatedRelation((0, 2), (4, 4), "USED-FOR"),
    AnnotatedRelation((4, 4), (0, 2), "PART-OF"),
    AnnotatedRelation((4, 4), (6, 7), "USED-FOR"),
]


def test_a_batch_of_relations_is_padded() -> None:
    documents = (RELATIONS, [], RELATIONS[1:2])
    batch = Batch([Instance({"relations": LabeledRelationsField(each)}) for each in documents])
    vocab = Vocabulary.from_instances(batch)
    # Two and one, and a namespace of labels has neither padding nor unknown.
    assert vocab.get_token_to_index_vocabulary("relation_labels") == {"USED-FOR": 0, "PART-OF": 1}
    batch.index_instances(vocab)
    padding = [PADDING] * 5
    assert batch.as_tensor_dict()["relations"].tolist() == [
        [[0, 2, 4, 4, 0], [4, 4, 0, 2, 1], [4, 4, 6, 7, 0]],
        [padding, padding, padding],
        [[4, 4, 0, 2, 1], padding, padding],
    ]


def test_labels_of_relations_are_counted_in_their_namespace() -> None:
    counter: Dict[str, Any] = defaultdict(lambda: defaultdict(int))
    field = LabeledRelationsField(RELATIONS, label_namespace="other_labels")
    field.count_vocab_items(counter)
    assert counter == {"other_labels": {"USED-FOR": 2, "PART-OF": 1}}


def test_a_label_of_a_relation_that_the_vocabulary_lacks_is_refused() -> None:
    vocab = Vocabulary(tokens_to_add={"relation_labels": ["USED-FOR", "COMPARE"]})
    field = LabeledRelationsField(RELATIONS, described_as="dev.json, line 3: document 'A-1'")
    with pytest.raises(ConfigurationError) as caught:
        field.index(vocab)
    message = str(caught.value)
    assert message.startswith("dev.json, line 3: document 'A-1': ")
    assert "relation [4, 4, 0, 2, 'PART-OF']" in message
    assert "The model knows COMPARE, USED-FOR." in message


def test_an_empty_field_of_relations_is_padding() -> None:
    field = LabeledRelationsField(RELATIONS).empty_field()
    assert len(field) == 0
    assert field.as_tensor({"num_relations": 1}).tolist() == [[PADDING] * 5]
