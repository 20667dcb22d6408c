import json
from pathlib import Path
from typing import Any, Dict, List

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
    with pytest.raises(RunError, match="fold_2_of_2/validation_predictions.jsonl: there is no"):
        count_run(tmp_path)
    write(tmp_path / "fold_2_of_2" / "validation_predictions.jsonl", B, C)
    assert list(count_run(tmp_path)["right"]) == [1, 0, 0]


@pytest.mark.parametrize(
    "lines, complaint",
    [
        ([A, B, A], "line 3: document 'a' has been predicted before"),
        ([{**A, "ner": None}], "line 1: document 'a' has no 'ner' or no predictions"),
        ([{**A, "predicted_ner": None}], "document 'a' has no 'ner' or no predictions"),
        ([A, {"error": "too long", "line": 2}], "a document was not predicted: input line 2"),
        (
            [{**A, "predicted_ner": [[[9, 9, "Task"]]]}],
            "line 1: document 'a': the predicted",
        ),
    ],
)
def test_what_cannot_be_counted(lines: List[Any], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=complaint):
        count_predictions([write(tmp_path / "p.jsonl", *lines)])
