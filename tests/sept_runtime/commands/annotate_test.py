import functools
import json
import signal
from pathlib import Path
from typing import Any, Callable, List, Sequence, Tuple

import pytest

from sept_runtime.commands import main
from sept_runtime.corpus import run as corpus_run
from tests.sept_runtime.corpus.in_process import InProcessCluster, WordShardPredictor

GOOD, BAD = b'{"text": "A parser."}', b'{"text": 5}'

# Runs the command; gives the exit status and what it printed.
Annotate = Callable[..., Tuple[Any, str]]


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InProcessCluster:
    cluster = InProcessCluster()
    predict_corpus = functools.partial(corpus_run.predict_corpus, connect=lambda address: cluster)
    monkeypatch.setattr(corpus_run, "predict_corpus", predict_corpus)
    predictor_class = "sept_runtime.corpus.prediction.ExportedShardPredictor"
    monkeypatch.setattr(predictor_class, WordShardPredictor)
    # Any file does as a model that knows two words.
    (tmp_path / "model").touch()
    monkeypatch.setattr("sept_runtime.models.find_model", lambda name: tmp_path / "model")
    return cluster


@pytest.fixture
def annotate(tmp_path: Path, cluster: InProcessCluster, capsys: pytest.CaptureFixture) -> Annotate:
    def run(lines: List[bytes], *options: str, also: Sequence[Path] = ()) -> Tuple[Any, str]:
        path = tmp_path / "in.jsonl"
        content = b"".join(line + b"\n" for line in lines)
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
        command = ["annotate", str(path), *map(str, also), "--compression", "none"]
        try:
            main([*command, "--output", str(tmp_path / "out"), *options])
        except SystemExit as exit:
            return exit.code, capsys.readouterr().err
        return 0, capsys.readouterr().err

    return run


def annotations(tmp_path: Path) -> List[Any]:
    (path,) = (tmp_path / "out" / "annotations").iterdir()
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_corpus_is_annotated(annotate: Annotate, tmp_path: Path) -> None:
    status, printed = annotate([GOOD, GOOD])
    assert status == 0
    assert "2 workers, each with 1 core; loading the model" in printed
    assert "100.0% of the input done" in printed
    assert printed.endswith("out: 2 lines in = 2 annotated + 0 failed, in 1 shards\n")
    assert [line["entities"][0]["text"] for line in annotations(tmp_path)] == ["parser"] * 2


def test_text_of_json_lines_in_another_field(annotate: Annotate, tmp_path: Path) -> None:
    lines = [b'{"text": "no", "abstract": "A corpus, a parser."}']
    assert annotate(lines, "--text-field", "abstract")[0] == 0
    assert annotations(tmp_path)[0]["text"] == "A corpus, a parser."
    # A field that no line has is no silent success.
    status, printed = annotate(
        lines, "--text-field", "summary", "--output", str(tmp_path / "other")
    )
    assert status == 1
    assert (
        "in.jsonl, line 1: the record has no text in its field 'summary' (--text-field)" in printed
    )
    assert printed.endswith("All lines failed.\n")


@pytest.mark.parametrize(
    "num_good, num_bad, options, status",
    [
        (19, 1, [], 0),
        (18, 1, [], 1),
        (1, 1, ["--max-failed", "0.5"], 0),
        (1, 1, ["--max-failed", "0.49"], 1),
        (19, 1, ["--max-failed", "0"], 1),
        (1, 0, ["--max-failed", "0"], 0),
        (0, 3, ["--max-failed", "1"], 1),
    ],
)
def test_too_many_failed_lines_are_status_1(
    annotate: Annotate, num_good: int, num_bad: int, options: List[str], status: int
) -> None:
    lines = [BAD] * num_bad + [GOOD] * num_good
    assert annotate(lines, *options)[0] == status
    # Also when there is nothing left to do.
    again, printed = annotate(lines, *options)
    assert again == status
    assert ("The first is" in printed) == bool(num_bad)


@pytest.mark.parametrize(
    "options, difference",
    [
        (["--precision", "bfloat16"], '--precision is "bfloat16", not "float32"'),
        (["--engine", "openvino"], '--engine is "openvino", not "onnxruntime"'),
        (["--predictor-args", '{"flat": true}'], r'--predictor-args is {"flat":true}, not {}'),
        (["--format", "jsonl"], '--format is "jsonl", not null'),
        (["--text-field", "abstract"], '--text-field is "abstract", not null'),
        (["--id-field", "abstract"], '--id-field is "abstract", not null'),
        (["--title-field", "abstract"], '--title-field is "abstract", not null'),
        (["--with-title"], "--with-title is true, not false"),
        (["--keep", "abstract"], '--keep is ["abstract"], not []'),
        (["--one-per-line"], "--one-per-line is true, not false"),
        (["--output-format", "parquet"], '--output-format is "parquet", not "jsonl"'),
    ],
)
def test_a_run_is_not_continued_with_defaults(
    annotate: Annotate, options: List[str], difference: str
) -> None:
    lines = [b'{"text": "A parser.", "abstract": "A parser."}']
    assert annotate(lines, *options)[0] == 0
    status, _ = annotate(lines)
    assert difference in status
    assert annotate(lines, *options)[0] == 0


@pytest.mark.parametrize(
    "options, message",
    [
        (["--progress-seconds", "0"], "--progress-seconds: must be a number above 0"),
        (["--progress-seconds", "nan"], "--progress-seconds: must be a number above 0, got 'nan'"),
        (["--max-failed", "5"], "--max-failed: must be a number between 0 and 1, got '5'"),
        (["--min-score", "2"], "--min-score: must be a number between 0 and 1, got '2'"),
        (["--predictor-args", "[1]"], "--predictor-args: must be a JSON object, got '[1]'"),
        (["--predictor-args", "{"], "--predictor-args: must be a JSON object, got '{'"),
        (
            ["--cpus-per-actor", "1.5"],
            "--cpus-per-actor: must be a number above 0 and at most 1, or",
        ),
        (["--cpus-per-actor", "0"], "or a whole number, got '0'"),
        (["--cpus-per-actor", "two"], "or a whole number, got 'two'"),
    ],
)
def test_wrong_values_are_refused(annotate: Annotate, options: List[str], message: str) -> None:
    status, printed = annotate([GOOD], *options)
    assert status == 2
    assert message in printed


@pytest.mark.parametrize(
    "options", [["--predictor-args", '{"soft_labels": 0.01}'], ["--keep", "year"]]
)
def test_parquet_has_no_column_for_some_options(
    annotate: Annotate, options: List[str], tmp_path: Path
) -> None:
    status, _ = annotate([GOOD], "--output-format", "parquet", *options)
    assert status.startswith("sept annotate: --output-format parquet has no column for what ")
    assert not (tmp_path / "out").exists()


RIS = """TY  - JOUR
ID  - one
TI  - A parser
AB  - We build a corpus.
PY  - 2021/03
ER  -
TY  - JOUR
PY  - 2020
ER  -
TY  - JOUR
TI  - Another corpus
AB  - It has words.
ER  -
"""


def test_record_files_are_a_corpus(
    annotate: Annotate, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "refs.ris").write_text(RIS)
    (folder / "notes.txt").write_text("A corpus of notes.")
    status, printed = annotate(
        [GOOD], "--with-title", "--keep", "year", "--shard-size", "2", also=[folder]
    )
    assert status == 0
    assert "5 lines in = 4 annotated + 0 failed + 1 skipped, in 4 shards" in printed
    assert "refs.ris, line 7: none of the record's fields has a name known for texts" in printed
    documents = [
        json.loads(line)
        for path in sorted((tmp_path / "out" / "annotations").iterdir())
        for line in path.read_text().splitlines()
    ]
    assert [(document.get("id"), document.get("year")) for document in documents] == [
        (None, None),
        ("notes", None),
        ("one", 2021),
        # Named by its place, as by 'sept predict'.
        ("refs.ris, line 10", None),
    ]
    assert documents[2]["text"] == "A parser\n\nWe build a corpus."
    found = [
        (entity["text"], entity["field"], entity["field_start"])
        for document in documents[2:]
        for entity in document["entities"]
    ]
    assert found == [("parser", "title", 2), ("corpus", "text", 11), ("corpus", "title", 8)]


def test_a_corpus_of_records_without_text_ends_with_status_1(
    annotate: Annotate, tmp_path: Path
) -> None:
    (tmp_path / "more.csv").write_text("id,year\n1,2020\n")
    status, printed = annotate([], also=[tmp_path / "more.csv"])
    assert status == 1
    assert "1 lines in = 0 annotated + 0 failed + 1 skipped" in printed
    assert "First skipped: " in printed and "more.csv, line 2: " in printed


def test_a_damaged_record_file_costs_the_rest_of_it(annotate: Annotate, tmp_path: Path) -> None:
    (tmp_path / "more.json").write_text('[{"text": "A parser."},\n {"text": "A corpus."')
    status, printed = annotate([], "--max-failed", "0.5", also=[tmp_path / "more.json"])
    assert status == 0
    assert "2 lines in = 1 annotated + 1 failed" in printed
    assert "more.json, line 2: the file is damaged, nothing can be read from here on" in printed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_continued(
    annotate: Annotate, cluster: InProcessCluster, tmp_path: Path, number: int
) -> None:
    handlers = [signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)]

    def interrupt(name: str) -> None:
        if name == "next_done":
            # A real signal ends the process on virtual machines whose kernel fails to save the
            # registers of AMX, once both PyTorch and OpenVINO have used them.
            signal.getsignal(number)(number, None)  # type: ignore[operator, misc]

    cluster.called = interrupt
    status, printed = annotate([GOOD])
    assert status == 130
    assert printed.endswith("out: stopped. The same command continues from here.\n")
    cluster.called = lambda name: None
    assert annotate([GOOD])[0] == 0
    assert len(annotations(tmp_path)) == 1
    assert handlers == [signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)]
