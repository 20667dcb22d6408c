from collections import defaultdict
from typing import Any, Dict

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.data import Batch, Instance, Vocabulary

from sept_allennlp.data.fields import LabeledRelationsField
from sept_allennlp.modules.candidate_spans import PADDING
from sept_runtime.documents import AnnotatedRelation

RELATIONS = [
    AnnotatedRelation((0, 2), (4, 4), "USED-FOR"),
    AnnotatedRelation((4, 4), (0, 2), "PART-OF"),
    AnnotatedRelation((4, 4), (6, 7), "USED-FOR"),
]


def test_a_batch_is_padded_and_labels_are_those_of_the_vocabulary() -> None:
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


def test_labels_are_counted_in_the_namespace_that_is_given() -> None:
    counter: Dict[str, Any] = defaultdict(lambda: defaultdict(int))
    field = LabeledRelationsField(RELATIONS, label_namespace="other_labels")
    field.count_vocab_items(counter)
    assert counter == {"other_labels": {"USED-FOR": 2, "PART-OF": 1}}


def test_a_label_that_the_vocabulary_lacks_is_refused_by_document_and_name() -> None:
    vocab = Vocabulary(tokens_to_add={"relation_labels": ["USED-FOR", "COMPARE"]})
    field = LabeledRelationsField(RELATIONS, described_as="dev.json, line 3: document 'A-1'")
    with pytest.raises(ConfigurationError) as caught:
        field.index(vocab)
    message = str(caught.value)
    assert message.startswith("dev.json, line 3: document 'A-1': ")
    assert "relation [4, 4, 0, 2, 'PART-OF']" in message
    assert "The model knows COMPARE, USED-FOR." in message


def test_an_empty_field_is_padding_alone() -> None:
    field = LabeledRelationsField(RELATIONS).empty_field()
    assert len(field) == 0
    assert field.as_tensor({"num_relations": 1}).tolist() == [[PADDING] * 5]
