import gzip
import io
import json
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, List

import pytest

from sept_runtime.commands import main
from sept_runtime.options import Decoding
from tests.openvino import needs_openvino

LINES = [
    b'{"id": "a", "text": "We use a parser for parsing."}',
    b'{"id": "b", "text": }',
    b"",
    b'{"id": "c", "text": "caf\xe9"}',
    b'{"id": "e", "tokens": ["We", "use", "a", "long", "parser", "of", "many", "words", "."]}',
    b'{"id": "f", "text": ""}',
]


def run(*arguments: Any) -> int:
    try:
        main(["predict", *map(str, arguments)])
    except SystemExit as exit:
        return exit.code if isinstance(exit.code, int) else 1
    return 0


def outputs_of(text: str) -> List[Dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_what_allennlp_predict_writes(
    trained_archive: str, exported_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    from sept_allennlp.commands.predict import SEPTPredictManager
    from sept_allennlp.predictors import SEPTPredictor

    source, target, expected = (tmp_path / name for name in ("in.jsonl", "out.jsonl", "archive"))
    source.write_bytes(b"\n".join(LINES) + b"\n")
    predictor = SEPTPredictor.from_path(trained_archive)
    with pytest.raises(SystemExit):
        SEPTPredictManager(predictor, str(source), str(expected), 2, False).run()
    said = [line for line in capsys.readouterr().err.splitlines() if "annotating" not in line]

    assert run("--model", exported_model, source, "--output-file", target, "--batch-size", 2) == 1
    captured = capsys.readouterr()
    assert captured.err.splitlines() == said[-2:]
    assert "6 lines, 2 annotated, 4 failed" in captured.err
    assert captured.out == ""
    for ours, theirs in zip(
        outputs_of(target.read_text()), outputs_of(expected.read_text()), strict=True
    ):
        for entity, other in zip(ours.get("entities", []), theirs.get("entities", [])):
            assert entity["score"] == pytest.approx(other.pop("score"), abs=1e-4)
            del entity["score"]
        assert ours == theirs


def test_compressed_and_standard_input_to_standard_output(
    exported_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = tmp_path / "in.jsonl.gz"
    source.write_bytes(gzip.compress(LINES[0] + b"\n" + LINES[4] + b"\n"))
    assert run("--model", exported_model, source, "--threads", 1) == 0
    written = capsys.readouterr().out
    assert [output["id"] for output in outputs_of(written)] == ["a", "e"]

    standard_input = SimpleNamespace(buffer=io.BytesIO(gzip.decompress(source.read_bytes())))
    monkeypatch.setattr("sys.stdin", standard_input)
    assert run("--model", exported_model, "-", "--silent") == 0
    assert capsys.readouterr().out == written


def test_options(exported_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(LINES[0])
    options = '{"flat": false, "top_labels": 2}'
    assert run("--model", exported_model, source, "--predictor-args", options) == 0
    (output,) = outputs_of(capsys.readouterr().out)
    assert output["entities"] and all(len(e["labels"]) == 2 for e in output["entities"])
    assert run("--model", exported_model, source, "--predictor-args", '{"min_score": 1.0}') == 0
    assert outputs_of(capsys.readouterr().out)[0]["entities"] == []
    # An option of its own overrides the same one in JSON.
    options = ["--predictor-args", '{"min_score": 1.0, "top_labels": 1}', "--min-score", ".0"]
    assert run("--model", exported_model, source, *options, "--no-flat") == 0
    (output,) = outputs_of(capsys.readouterr().out)
    assert output["entities"] and all(len(e["labels"]) == 1 for e in output["entities"])


@pytest.mark.parametrize(
    "options, message",
    [
        (["--predictor-args", "{"], "--predictor-args: must be a JSON object, got '{'"),
        (["--predictor-args", "[1]"], "--predictor-args: must be a JSON object, got '[1]'"),
        (["--min-score", "1.5"], "--min-score: must be a number between 0 and 1, got '1.5'"),
        (["--min-score", "nan"], "--min-score: must be a number between 0 and 1, got 'nan'"),
        (["--min-relation-score", "high"], "must be a number between 0 and 1, got 'high'"),
        (["--top-labels", "1.5"], "--top-labels: must be a whole number, 0 or more, got '1.5'"),
        (["--flat=false"], "--flat"),
        (["--batch-size", "0"], "--batch-size: must be a whole number, 1 or more, got '0'"),
        (["--threads", "none"], "--threads: must be a whole number, 1 or more, got 'none'"),
    ],
)
def test_arguments_are_checked_before_anything_is_loaded(
    options: List[str], message: str, capsys: pytest.CaptureFixture
) -> None:
    assert run("-", "--model", "none", *options) == 2
    assert message in capsys.readouterr().err


def test_help_lists_every_option(capsys: pytest.CaptureFixture) -> None:
    assert run("--help") == 0
    words = capsys.readouterr().out.split()
    for option in fields(Decoding):
        assert f"--{option.name.replace('_', '-')}" in [word.strip(",[]") for word in words]


@needs_openvino
def test_another_engine(
    exported_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(LINES[0])
    outputs = []
    for engine in ("onnxruntime", "openvino"):
        assert (
            run("--model", exported_model, source, "--engine", engine, "--precision", "float32")
            == 0
        )
        (output,) = outputs_of(capsys.readouterr().out)
        outputs.append([(e["text"], e["label"], round(e["score"], 4)) for e in output["entities"]])
    assert outputs[0] == outputs[1] != []
    assert run("--model", exported_model, source, "--engine", "torch") == 2


@pytest.mark.parametrize(
    "model, source, options, fault",
    [
        (None, "none.jsonl", [], "No such file or directory: 'none.jsonl'"),
        ("none", "-", [], "none: there is no such folder, and no installed model of that name"),
        (None, "-", ["--predictor-args", '{"min_score": 2}'], "--predictor-args: min_score must"),
        (None, "-", ["--predictor-args", '{"flat": "false"}'], "flat must be true or false, got"),
        (None, "-", ["--predictor-args", '{"min_scor": 0}'], "did you mean 'min_score'?"),
        (None, "-", ["--precision", "bfloat16"], "by the extra 'openvino': pip install"),
        (None, "-", ["-o", "none/out.jsonl"], "No such file or directory: 'none/out.jsonl'"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    exported_model: Path, model: Any, source: str, options: List[str], fault: str
) -> None:
    with pytest.raises(SystemExit) as error:
        main(["predict", source, "--model", str(model or exported_model), *options])
    message = str(error.value)
    assert message.startswith("sept predict: ") and fault in message and "\n" not in message
