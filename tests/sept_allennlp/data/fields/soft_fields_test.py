from collections import defaultdict
from typing import Dict, List, Optional

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Batch, Instance, Vocabulary

from sept_allennlp.data.fields import SoftRelationsField, SoftSpansField
from sept_allennlp.modules.candidate_spans import PADDING
from sept_runtime.documents import SoftAnnotation, SoftRelation, SoftRelations, SoftSpan

SOFT = SoftAnnotation(
    ("Task", "Method"),
    [SoftSpan(0, 2, {"Method": 0.75, "Task": 0.125}), SoftSpan(4, 4, {"Task": 0.5})],
)


def vocabulary(*labels: str) -> Vocabulary:
    return Vocabulary(tokens_to_add={"labels": list(labels)}, non_padded_namespaces=["labels"])


def test_a_batch_has_the_probabilities_in_the_order_of_the_vocabulary() -> None:
    documents: List[Optional[SoftAnnotation]] = [SOFT, None, SOFT._replace(spans=SOFT.spans[1:])]
    batch = Batch([Instance({"soft": SoftSpansField(soft)}) for soft in documents])
    batch.index_instances(vocabulary("Method", "Task"))
    padding = [PADDING] * 4
    tensor = batch.as_tensor_dict()["soft"]
    assert tensor.dtype == torch.float
    assert tensor.tolist() == [
        [[0, 2, 0.75, 0.125], [4, 4, 0.0, 0.5]],
        [padding, padding],
        [[4, 4, 0.0, 0.5], padding],
    ]


def test_a_batch_without_any_span() -> None:
    nothing = SOFT._replace(spans=[])
    batch = Batch([Instance({"soft": SoftSpansField(soft)}) for soft in (nothing, None)])
    batch.index_instances(vocabulary("Method", "Task"))
    assert batch.as_tensor_dict()["soft"].shape == (2, 0, 4)


def test_a_teachers_labels_are_not_counted() -> None:
    counter: Dict[str, Dict[str, int]] = defaultdict(lambda: defaultdict(int))
    SoftSpansField(SOFT).count_vocab_items(counter)
    assert counter == {}


@pytest.mark.parametrize(
    "labels, expected",
    [
        (
            ["Method"],
            'data does not have Task.*"vocabulary": {"tokens_to_add": {"labels": .*"Task"',
        ),
        ([], 'does not have Method, Task.*"labels": ."Method", "Task".}}'),
        (["Method", "Task", "Metric"], "the teacher does not know Metric: train the teacher on"),
        (["method", "Task"], "the teacher does not know method: train the teacher on"),
    ],
)
def test_a_teacher_with_other_labels_is_refused_in_one_line(
    labels: List[str], expected: str
) -> None:
    field = SoftSpansField(SOFT, described_as="annotated.jsonl, line 3: document 'A-1'")
    with pytest.raises(ConfigurationError, match=expected) as caught:
        field.index(vocabulary(*labels))
    message = str(caught.value)
    start = (
        "annotated.jsonl, line 3: document 'A-1': teacher and student have different entity labels"
    )
    assert message.startswith(start)
    assert "\n" not in message


def test_a_tensor_needs_an_index_first() -> None:
    with pytest.raises(ConfigurationError, match="index"):
        SoftSpansField(SOFT).as_tensor({"num_spans": 3})


def test_length_and_description() -> None:
    assert len(SoftSpansField(SOFT)) == 2
    assert len(SoftSpansField()) == len(SoftSpansField(SOFT).empty_field()) == 0
    assert str(SoftSpansField(SOFT)) == "SoftSpansField with 2 rows"


RELATIONS = SoftRelations(
    ("PART-OF", "USED-FOR"),
    [
        SoftRelation((0, 2), (4, 4), {"USED-FOR": 0.75, "PART-OF": 0.5}),
        SoftRelation((4, 4), (0, 2), {}),
    ],
)


def test_a_batch_has_the_probabilities_of_relations_in_the_order_of_the_vocabulary() -> None:
    documents: List[Optional[SoftRelations]] = [RELATIONS, None]
    batch = Batch([Instance({"soft": SoftRelationsField(soft)}) for soft in documents])
    batch.index_instances(Vocabulary(tokens_to_add={"relation_labels": ["USED-FOR", "PART-OF"]}))
    assert batch.as_tensor_dict()["soft"].tolist() == [
        [[0, 2, 4, 4, 0.75, 0.5], [4, 4, 0, 2, 0.0, 0.0]],
        [[PADDING] * 6] * 2,
    ]


def test_a_teacher_with_other_relation_labels_is_refused() -> None:
    field = SoftRelationsField(RELATIONS, described_as="document 'A-1'")
    expected = "document 'A-1': teacher and student have different relation labels, the teacher"
    with pytest.raises(ConfigurationError, match=expected):
        field.index(Vocabulary(tokens_to_add={"relation_labels": ["USED-FOR", "COMPARE"]}))
