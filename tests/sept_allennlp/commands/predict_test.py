import gzip
import json
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest
from allennlp.commands import main
from allennlp.commands.train import train_model

from sept_runtime.documents import DocumentError
from tests.experiments import FIXTURES, experiment

LINES = [
    b'{"id": "a", "text": "We use a parser for parsing."}',
    b'{"id": "b", "text": }',
    b"",
    b"[1, 2]",
    b'{"id": "c", "text": "caf\xe9"}',
    b'{"id": "d", "words": "We"}',
    b'{"id": "e", "tokens": ["We", "use", "a", "long", "parser", "of", "many", "words", "."]}',
    b'{"id": "f", "text": ""}',
    b'{"id": "g", "sentences": [["We", "use", "parsers", "."]], "doc_key": "key"}',
]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run `allennlp predict` in this process; gives its exit status."""
    monkeypatch.setattr(sys, "argv", ["allennlp", "predict", *arguments])
    try:
        main()
    except SystemExit as exit:
        return int(exit.code or 0)
    return 0


def read(path: Path) -> List[Dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_line_for_each_line(
    trained_archive: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(b"\n".join(LINES) + b"\n")
    status = run(
        monkeypatch, trained_archive, str(source), "--output-file", str(target), "--silent",
        "--batch-size", "2",
    )  # fmt: skip
    assert status == 1
    assert "9 lines, 3 annotated, 6 failed" in capsys.readouterr().err
    outputs = read(target)
    assert [output.get("id") for output in outputs] == [
        "a",
        None,
        None,
        None,
        None,
        "d",
        "e",
        "f",
        "g",
    ]
    reasons = {output["line"]: output["error"] for output in outputs if "error" in output}
    assert reasons.keys() == {2, 3, 4, 5, 6, 8}
    assert "not UTF-8" in reasons[5]
    assert outputs[8]["doc_key"] == "key"


def test_only_good_lines_give_status_0(
    trained_archive: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "in.jsonl.gz", tmp_path / "out.jsonl"
    with gzip.open(source, "wb") as file:
        file.write(LINES[0] + b"\n" + LINES[6] + b"\n")
    arguments = [trained_archive, str(source), "--output-file", str(target), "--silent"]
    assert run(monkeypatch, *arguments) == 0
    assert [output["id"] for output in read(target)] == ["a", "e"]


def test_a_dataset_reader_still_works(
    trained_archive: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "in.json", tmp_path / "out.jsonl"
    source.write_text('{"doc_key": "k", "sentences": [["We", "use", "parsers", "."]]}\n')
    arguments = [str(source), "--output-file", str(target), "--silent", "--use-dataset-reader"]
    assert run(monkeypatch, trained_archive, *arguments) == 0
    (output,) = read(target)
    assert output["doc_key"] == "k"
    assert output["text"] == "We use parsers ."


@pytest.mark.parametrize("options", [[], ["--use-dataset-reader"]])
@pytest.mark.parametrize("way", ["itself", "link", "hard link"])
def test_the_input_is_never_overwritten(
    options: List[str],
    way: str,
    trained_archive: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = '{"doc_key": "k", "sentences": [["We", "use", "parsers", "."]]}\n'
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(content)
    if way == "link":
        target.symlink_to(source)
    elif way == "hard link":
        target.hardlink_to(source)
    else:
        target = source
    arguments = [trained_archive, str(source), "--output-file", str(target), "--silent"]
    with pytest.raises((SystemExit, DocumentError), match="the output is the input"):
        monkeypatch.setattr(sys, "argv", ["allennlp", "predict", *arguments, *options])
        main()
    assert source.read_text() == content


def test_a_damaged_input_is_answered_up_to_the_damage(
    trained_archive: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "in.jsonl.gz", tmp_path / "out.jsonl"
    source.write_bytes(gzip.compress(LINES[0] + b"\n") + gzip.compress(LINES[6] + b"\n")[:-9])
    arguments = [trained_archive, str(source), "--output-file", str(target), "--silent"]
    with pytest.raises(SystemExit, match="is damaged after line"):
        monkeypatch.setattr(sys, "argv", ["allennlp", "predict", *arguments])
        main()
    assert [output.get("id") for output in read(target)][:1] == ["a"]
    assert "is damaged" in read(target)[-1]["error"]


@pytest.mark.trains
def test_a_model_trained_on_conll_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    # So few negatives that the model finds something anywhere.
    overrides = {
        "model.span_sampler.num_negatives": 2,
        "data_loader.batch_size": 1,
        "trainer.optimizer.lr": 0.01,
        "trainer.num_epochs": 5,
    }
    train_model(experiment(overrides, config="sept_bc5cdr.jsonnet"), str(tmp_path / "run"))
    archive = str(tmp_path / "run" / "model.tar.gz")

    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(b"\n".join(LINES) + b"\n")
    target_arguments = ["--output-file", str(target), "--silent"]
    assert run(monkeypatch, archive, str(source), *target_arguments) == 1
    assert "9 lines, 3 annotated, 6 failed" in capsys.readouterr().err
    first = read(target)[0]
    assert first["text"] == "We use a parser for parsing."
    assert first["entities"]
    position = 0
    for entity in first["entities"]:
        assert entity["label"] == "Entity"
        assert first["text"][entity["start"] : entity["end"]] == entity["text"]
        # In order, and none in another.
        assert entity["start"] >= position
        position = entity["end"]

    columns = str(FIXTURES / "conll" / "bc5cdr" / "dev.txt")
    assert run(monkeypatch, archive, columns, *target_arguments, "--use-dataset-reader") == 0
    outputs = read(target)
    assert [output["doc_key"] for output in outputs] == ["90011", "90012"]
    assert outputs[1]["text"].startswith("Does ferric orangeate cause nausea headache ? We found")


@pytest.mark.parametrize(
    "options, message",
    [
        ("{", "--predictor-args: must be a JSON object, got '{'"),
        ("[1]", "--predictor-args: must be a JSON object, got '[1]'"),
        ('{"min_scor": 0.5}', "unknown option 'min_scor' (did you mean 'min_score'?)"),
        ('{"flat": "false"}', "flat must be true or false, got 'false'"),
        ('{"top_labels": 1.5}', "top_labels must be a whole number, 0 or more, got 1.5"),
    ],
)
def test_a_wrong_option_is_refused_in_a_line(
    trained_archive: str, options: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["allennlp", "predict", trained_archive, "-", "--predictor-args", options]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as error:
        main()
    said = str(error.value)
    assert said.startswith("allennlp predict: ") and message in said and "\n" not in said
