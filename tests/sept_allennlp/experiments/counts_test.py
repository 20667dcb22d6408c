import json
from pathlib import Path
from typing import Any, Dict, List

import pandas
import pytest

from sept_allennlp.experiments.counts import count_predictions, count_run
from sept_allennlp.experiments.errors import RunError


def line(key: str, gold: List[Any], predicted: List[Any], **fields: Any) -> Dict[str, Any]:
    return {
        "doc_key": key,
        "sentences": [["a", "b", "c", "d"]],
        "ner": [gold],
        "predicted_ner": [predicted],
        **fields,
    }


def write(file: Path, *lines: Dict[str, Any]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


A = line("a", [[0, 0, "Task"], [2, 3, "Method"]], [[0, 0, "Task"], [2, 2, "Method"]])
# The label is wrong, or nothing is there.
B = line("b", [[1, 1, "Task"]], [[1, 1, "Method"], [0, 0, "Task"]])
C = line("c", [], [])


def test_right_predicted_and_annotated_entities_of_each_document(tmp_path: Path) -> None:
    counts = count_predictions([write(tmp_path / "p.jsonl", A, B, C)])
    assert counts.index.name == "document"
    assert counts.to_dict("index") == {
        "a": {"right": 1, "predicted": 2, "gold": 2},
        "b": {"right": 0, "predicted": 2, "gold": 1},
        "c": {"right": 0, "predicted": 0, "gold": 0},
    }


def test_all_folds_of_a_run(tmp_path: Path) -> None:
    write(tmp_path / "fold_1_of_2" / "validation_predictions.jsonl", A)
    with pytest.raises(RunError, match="fold_2_of_2/validation_predictions.jsonl does not exist"):
        count_run(tmp_path)
    write(tmp_path / "fold_2_of_2" / "validation_predictions.jsonl", B, C)
    assert list(count_run(tmp_path)["right"]) == [1, 0, 0]


@pytest.mark.parametrize(
    "lines, complaint",
    [
        ([A, B, A], "line 3: document 'a' occurs twice in the predictions"),
        ([{**A, "ner": None}], "line 1: document 'a' needs both 'ner' and predicted entities"),
        ([{**A, "predicted_ner": None}], "document 'a' needs both 'ner' and predicted entities"),
        ([A, {"error": "too long", "line": 2}], "a document was not predicted: input line 2"),
        (
            [{**A, "predicted_ner": [[[9, 9, "Task"]]]}],
            "line 1: document 'a': the predicted",
        ),
    ],
)
def test_predictions_that_cannot_be_counted_are_refused(
    lines: List[Any], complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match=complaint):
        count_predictions([write(tmp_path / "p.jsonl", *lines)])


# Three gold relations, four predicted: one as annotated; one whose tail has another label; one in
# the other order; one that is not there.
ENTITIES = [[0, 0, "Task"], [1, 1, "Method"], [2, 3, "Method"]]
RELATED = line(
    "r",
    ENTITIES,
    [],
    gold_relations=[
        [[1, 1, 0, 0, "USED-FOR"], [1, 1, 2, 3, "PART-OF"], [0, 0, 1, 1, "CONJUNCTION"]]
    ],
    entities=[
        {"start_word": 0, "end_word": 0, "label": "Task"},
        {"start_word": 1, "end_word": 1, "label": "Method"},
        {"start_word": 2, "end_word": 3, "label": "Task"},
    ],
    relations=[
        {"head": 1, "tail": 0, "label": "USED-FOR", "score": 0.9},
        {"head": 1, "tail": 2, "label": "PART-OF", "score": 0.5},
        {"head": 1, "tail": 0, "label": "CONJUNCTION", "score": 0.7},
        {"head": 2, "tail": 0, "label": "USED-FOR", "score": 0.4},
    ],
)
UNANNOTATED = {**RELATED, "doc_key": "u", "gold_relations": None}


def counts_of(table: pandas.DataFrame) -> List[int]:
    (row,) = table.to_numpy().tolist()
    return row


def test_right_predicted_and_annotated_relations_of_each_document(tmp_path: Path) -> None:
    file = write(tmp_path / "p.jsonl", RELATED, UNANNOTATED)
    # As `StrictRelationF1`, without the document that has no annotated relations.
    assert list(count_predictions([file], counted="rel").index) == ["r"]
    assert counts_of(count_predictions([file], counted="rel")) == [3, 4, 3]
    assert counts_of(count_predictions([file], counted="rel_plus")) == [2, 4, 3]
    assert counts_of(count_predictions([file], 0.5, "rel")) == [3, 3, 3]
    assert counts_of(count_predictions([file], 0.6, "rel")) == [2, 2, 3]


@pytest.mark.parametrize(
    "model, right",
    [
        ({"relations": {"symmetric_labels": ["CONJUNCTION"]}}, 3),
        ({"relations": {"symmetric_labels": ["COMPARE"]}}, 2),
        ({"relations": {}}, 2),
        # Does not say; then as in SciERC.
        ({"type": "from_archive"}, 3),
    ],
)
def test_the_configuration_says_which_relations_have_no_direction(
    model: Dict[str, Any], right: int, tmp_path: Path
) -> None:
    write(tmp_path / "validation_predictions.jsonl", RELATED)
    (tmp_path / "config.json").write_text(json.dumps({"model": model}))
    assert counts_of(count_run(tmp_path, counted="rel")) == [right, 4, 3]


def test_predictions_say_so_themselves(tmp_path: Path) -> None:
    line = {**RELATED, "symmetric_relation_labels": []}
    config = {"model": {"relations": {"symmetric_labels": ["CONJUNCTION"]}}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    counts = count_predictions([write(tmp_path / "p.jsonl", line)], counted="rel")
    assert counts_of(counts) == [2, 4, 3]


def test_relations_that_cannot_be_counted(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="line 1: document 'a' has no predicted relations"):
        count_predictions([write(tmp_path / "a.jsonl", A)], counted="rel")
    unscored = [{**relation, "score": None} for relation in RELATED["relations"]]
    file = write(tmp_path / "p.jsonl", {**RELATED, "relations": unscored})
    assert counts_of(count_predictions([file], counted="rel")) == [3, 4, 3]
    with pytest.raises(RunError, match="'r' has no scores of relations"):
        count_predictions([file], 0.5, "rel")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(RunError, match="config.json is not valid JSON"):
        count_predictions([file], counted="rel")
