import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, List

import pytest
from backports import zstd

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


def test_outputs_of_allennlp_predict_are_equal(
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
    # An option on the command line overrides the same one in JSON.
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
        (None, "none.jsonl", [], "none.jsonl: there is no such file"),
        ("none", "-", [], "none: there is no such folder, and no installed model of that name"),
        (None, "-", ["--predictor-args", '{"min_score": 2}'], "--predictor-args: min_score must"),
        (None, "-", ["--predictor-args", '{"flat": "false"}'], "flat must be true or false, got"),
        (None, "-", ["--predictor-args", '{"min_scor": 0}'], "did you mean 'min_score'?"),
        (
            None,
            "-",
            ["--precision", "bfloat16"],
            "needs the extra 'openvino': pip install 'sept_allennlp",
        ),
        (None, "-", ["-o", "none/out.jsonl"], "none/out.jsonl: there is no folder"),
    ],
)
def test_errors_are_reported_in_one_line(
    exported_model: Path, model: Any, source: str, options: List[str], fault: str
) -> None:
    with pytest.raises(SystemExit) as error:
        main(["predict", source, "--model", str(model or exported_model), *options])
    message = str(error.value)
    assert message.startswith("sept predict: ") and fault in message and "\n" not in message


def lines_of(number: int) -> List[bytes]:
    # Words that do not compress well.
    rows = [{"id": i, "text": f"We train a parser {i**7} {i**5}."} for i in range(number)]
    return [json.dumps(row).encode() + b"\n" for row in rows]


@pytest.mark.parametrize("way", ["itself", "link", "hard link"])
def test_the_input_is_never_overwritten(exported_model: Path, way: str, tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(LINES[0])
    if way == "link":
        target.symlink_to(source)
    elif way == "hard link":
        target.hardlink_to(source)
    else:
        target = source
    assert run("--model", exported_model, source, "-o", target) == 1
    assert source.read_bytes() == LINES[0]


@pytest.mark.parametrize("suffix, compress", [(".gz", gzip.compress), (".zst", zstd.compress)])
def test_a_damaged_input_is_answered_up_to_the_damage(
    exported_model: Path,
    suffix: str,
    compress: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    source, target = tmp_path / f"in.jsonl{suffix}", tmp_path / "out.jsonl"
    # Two concatenated files, the second truncated.
    source.write_bytes(compress(b"".join(lines_of(40))) + compress(b"".join(lines_of(40)))[:-20])
    target.write_text("earlier")
    with pytest.raises(SystemExit, match=f"{source}: the file is damaged after line") as error:
        main(["predict", "--model", str(exported_model), str(source), "-o", str(target)])
    assert "\n" not in str(error.value) and target.read_text() == "earlier"
    assert "the partial result" not in capsys.readouterr().out

    assert run("--model", exported_model, source) == 1
    *answers, failure = outputs_of(capsys.readouterr().out)
    assert [answer["id"] for answer in answers[:40]] == list(range(40))
    assert all("error" not in answer for answer in answers)
    assert "is damaged" in failure["error"] and failure["line"] == len(answers) + 1


def test_an_earlier_output_survives_a_start_that_fails(
    exported_model: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out.jsonl"
    target.write_text("earlier")
    (tmp_path / "in.jsonl").write_bytes(LINES[0])
    assert run("--model", tmp_path / "none", tmp_path / "in.jsonl", "-o", target) == 1
    assert run("--model", exported_model, tmp_path / "none.jsonl", "-o", target) == 1
    options = ["--predictor-args", '{"min_score": 2}']
    assert run("--model", exported_model, tmp_path / "in.jsonl", "-o", target, *options) == 1
    assert {file.name for file in tmp_path.iterdir()} == {"in.jsonl", "out.jsonl"}
    assert target.read_text() == "earlier"


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n \t\n\n"])
def test_blank_lines_at_the_end_are_no_documents(
    exported_model: Path, end: bytes, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "in.jsonl").write_bytes(LINES[0] + b"\n" + end)
    assert run("--model", exported_model, tmp_path / "in.jsonl") == 0
    assert "1 line, 1 annotated, 0 failed" in capsys.readouterr().err


def test_the_output_is_utf_8_whatever_the_locale(exported_model: Path, tmp_path: Path) -> None:
    text = "We fit β-VAE on naïve data — 机器 \U0001f9ec."
    (tmp_path / "in.jsonl").write_text(json.dumps({"id": "β", "text": text}))
    code = "from sept_runtime.commands import main; main()"
    arguments = ["predict", "--model", str(exported_model), str(tmp_path / "in.jsonl")]
    for encoding in ("cp1252", "ascii", "utf-16"):
        ended = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": os.getcwd()},
            capture_output=True,
            check=True,
        )
        (output,) = outputs_of(ended.stdout.decode("utf-8"))
        assert output["text"] == text and output["id"] == "β"


def test_unbuffered_answers_each_line_before_the_next_is_read(exported_model: Path) -> None:
    code = "from sept_runtime.commands import main; main()"
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            code,
            "predict",
            "--model",
            str(exported_model),
            "-",
            "--unbuffered",
        ],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None
    for line in (LINES[0], b"{}", b"[", LINES[4]):
        process.stdin.write(line + b"\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        assert ("entities" in answer) == (line in LINES)
    process.stdin.close()
    assert process.wait() == 1 and process.stdout.read() == b""
    process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_keeps_the_earlier_output_and_names_its_own_part(
    exported_model: Path, number: signal.Signals, tmp_path: Path
) -> None:
    target = tmp_path / "out.jsonl.gz"
    target.write_text("earlier")
    code = "from sept_runtime.commands import main; main()"
    arguments = ["--model", str(exported_model), "-", "--unbuffered", "-o", str(target)]
    process = subprocess.Popen(
        [sys.executable, "-c", code, "predict", *arguments],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None and process.stderr is not None
    process.stdin.write(LINES[0] + b"\n")
    process.stdin.flush()
    # An answer to the first line is on the disk, and so the run is under way.
    deadline = time.monotonic() + 120
    while not any(path.stat().st_size > 20 for path in tmp_path.glob("*.partial")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(number)
    said = process.stderr.read().decode()
    assert process.wait() == 128 + number
    process.stdin.close()
    process.stderr.close()
    (partial,) = tmp_path.glob("*.partial")
    assert target.read_text() == "earlier"
    assert f"{target}: not written; what was finished is in {partial}" in said
    (output,) = outputs_of(gzip.decompress(partial.read_bytes()).decode())
    assert output["id"] == "a"


@pytest.mark.parametrize(
    "name, content",
    [
        ("in.json", '[{"id": "a", "text": "We use a parser."}, {"id": "b", "text'),
        (
            "in.xml",
            "<PubmedArticleSet><PubmedArticle><PMID>a</PMID><Abstract><AbstractText>We use a "
            "parser.</AbstractText></Abstract></PubmedArticle><PubmedArticle>",
        ),
    ],
)
def test_records_before_the_damage_are_answered(
    exported_model: Path, tmp_path: Path, name: str, content: str
) -> None:
    source, target = tmp_path / name, tmp_path / "out.jsonl"
    source.write_text(content)
    with pytest.raises(SystemExit, match=rf"{name}: the file is damaged after line 1 \(not valid "):
        main(["predict", "--model", str(exported_model), str(source), "-o", str(target)])
    first, last = outputs_of(target.read_text())
    assert (first["id"], last["line"]) == ("a", 2)
    assert "the file is damaged" in last["error"]
