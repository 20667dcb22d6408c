"""The whole of it, on Ray: each run is compared with one that nothing has disturbed."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple, Type

import pyarrow
import pytest
import torch
from allennlp.commands import main
from pyarrow import parquet
from sept_runtime.corpus.records import Counts

from sept_allennlp.corpus import ArchiveShardPredictor
from sept_allennlp.predictors import SEPTPredictor
from sept_runtime.corpus.inputs import CorpusError
from sept_runtime.corpus.prediction import PredictedShard, ShardPredictor
from sept_runtime.corpus.run import predict_corpus
from sept_runtime.corpus.settings import CorpusSettings, ModelSettings
from sept_runtime.corpus.shards import ShardLines
from sept_runtime.inference.json_lines import predict_lines
from tests.experiments import ROOT

pytest.importorskip("ray")
pytestmark = pytest.mark.processes

from sept_runtime.corpus import ray_pipeline  # noqa: E402

TEXTS = [
    "We train a parser (fast).",
    "Results of the parser improve on data.",
    "A sentence about speech recognition, and what a parser has to do with it.",
]
PARQUET_TEXTS = [TEXTS[0], None, TEXTS[1]]


def lines_of(prefix: str, number: int) -> List[bytes]:
    lines = [
        json.dumps({"id": f"{prefix}{index}", "text": " ".join(TEXTS[: index % 3 + 1])}).encode()
        for index in range(number)
    ]
    lines[1] = b'{"id": }'
    lines[4] = b""
    return lines


INPUTS = {"a.jsonl": lines_of("a", 11), "b.jsonl.gz": lines_of("b", 6), "c.jsonl.zst": []}
# 11 lines, 6, none and 3, four a shard; in each of the first two files two fail, in the last one.
COUNTS = Counts(read=20, annotated=15, failed=5, shards=3 + 2 + 1 + 1)


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """For all tests, because it takes seconds to start."""
    stop = ray_pipeline.start(address=None, num_cpus=2)
    yield
    stop()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    for name, lines in INPUTS.items():
        content = b"\n".join(lines)
        if name.endswith(".gz"):
            content = gzip.compress(content)
        elif name.endswith(".zst"):
            content = pyarrow.compress(content, "zstd", asbytes=True)
        (folder / name).write_bytes(content)
    parquet.write_table(pyarrow.table({"abstract": PARQUET_TEXTS}), folder / "d.parquet")
    return folder


Predict = Callable[..., Tuple[Counts, List[str]]]


@pytest.fixture(scope="module")
def predict(trained_archive: str, corpus: Path) -> Predict:
    """Runs it into a folder; gives the counts and what was reported."""

    def run(
        output: Path, predictor: Type[ShardPredictor] = ArchiveShardPredictor, workers: int = 1
    ) -> Tuple[Counts, List[str]]:
        reported: List[str] = []
        settings = CorpusSettings(
            # A document to a batch: its scores depend on no other.
            ModelSettings.of(trained_archive, batch_size=1),
            (str(corpus),),
            output,
            text_column="abstract",
            lines_per_shard=4,
            workers=workers,
            progress_seconds=0.2,
        )
        return predict_corpus(settings, reported.append, predictor), reported

    return run


@pytest.fixture(scope="module")
def undisturbed(predict: Predict, tmp_path_factory: pytest.TempPathFactory) -> Dict[str, bytes]:
    output = tmp_path_factory.mktemp("undisturbed") / "out"
    counts, _ = predict(output, workers=2)
    assert counts == COUNTS
    return written(output)


def written(output: Path) -> Dict[str, bytes]:
    return {
        str(path.relative_to(output)): path.read_bytes()
        for folder in ("annotations", "errors")
        for path in sorted((output / folder).iterdir())
    }


def test_the_same_entities_as_predict_line_for_line(
    undisturbed: Dict[str, bytes], trained_archive: str, corpus: Path
) -> None:
    predictor = SEPTPredictor.from_path(trained_archive)
    expected: List[Dict[str, Any]] = []
    expected_errors = []
    rows = [json.dumps({"text": text} if text else {}).encode() for text in PARQUET_TEXTS]
    for name, lines in [*INPUTS.items(), ("d.parquet", rows)]:
        for output in predict_lines(predictor, lines, predictor.decoding, batch_size=1):
            if "error" in output:
                file = str((corpus / name).resolve())
                expected_errors.append({"file": file, **output})
            else:
                expected.append(json.loads(predictor.dump_line(output)))
    shards = [content for name, content in undisturbed.items() if name.startswith("annotations/")]
    outputs = [json.loads(line) for shard in shards for line in gzip.decompress(shard).splitlines()]
    assert any(output["entities"] for output in outputs)
    assert [scores(output) for output in outputs] == [
        pytest.approx(scores(output), abs=1e-5) for output in expected
    ]
    assert list(map(without_scores, outputs)) == list(map(without_scores, expected))
    errors = b"".join(
        content for name, content in undisturbed.items() if name.startswith("errors/")
    )
    assert list(map(json.loads, errors.splitlines())) == expected_errors


def scores(output: Dict[str, Any]) -> List[float]:
    return [entity["score"] for entity in output["entities"]]


def without_scores(output: Dict[str, Any]) -> Dict[str, Any]:
    entities = [{**entity, "score": None} for entity in output["entities"]]
    return {**output, "entities": entities}


def test_a_killed_worker_loses_nothing(
    predict: Predict, undisturbed: Dict[str, bytes], tmp_path: Path
) -> None:
    killed = tmp_path / "killed"

    class DiesOnce(ArchiveShardPredictor):
        def predict(self, shard_lines: ShardLines, file_name: str) -> PredictedShard:
            if shard_lines.shard.number == 1 and not killed.exists():
                killed.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return super().predict(shard_lines, file_name)

    counts, reported = predict(tmp_path / "out", DiesOnce)
    assert killed.exists()
    assert any(line.startswith("a worker died") for line in reported)
    assert "15 documents (5 failed)" in reported[-1] or "20 documents (5 failed)" in reported[-1]
    assert counts == COUNTS
    assert written(tmp_path / "out") == undisturbed


def test_a_killed_run_goes_on(
    predict: Predict,
    undisturbed: Dict[str, bytes],
    trained_archive: str,
    corpus: Path,
    tmp_path: Path,
) -> None:
    output, log = tmp_path / "out", tmp_path / "run.log"
    # Not forked: in this process Ray may have run, whose threads end a fork now and then. And its
    # output goes into a file: whoever reads a pipe to its end waits for Ray's processes, too.
    command = [sys.executable, "-m", "tests.sept_runtime.corpus.stalling_run"]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*command, trained_archive, str(corpus), str(output)],
            cwd=ROOT,
            stdout=file,
            stderr=file,
        )
    try:
        # It has done a shard, and will never finish another.
        while not any((output / "done").glob("*.json")):
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
    finally:
        process.kill()
        process.wait()
    (done,) = (output / "done").glob("*.json")
    done_before = done.stat().st_mtime
    counts, reported = predict(output)
    assert reported[0].endswith("shards done before: 1")
    assert counts == COUNTS
    assert written(output) == undisturbed
    # What was done has not been done again.
    assert done.stat().st_mtime == done_before

    class Untouchable(ArchiveShardPredictor):
        def __init__(self, settings: Any) -> None:
            raise AssertionError("there is nothing left to do")

    assert predict(output, Untouchable)[0] == COUNTS


def test_a_worker_that_fails_says_why(predict: Predict, tmp_path: Path) -> None:
    class Fails(ArchiveShardPredictor):
        def predict(self, shard_lines: ShardLines, file_name: str) -> PredictedShard:
            raise CorpusError(f"{file_name}: no, on {torch.get_num_threads()} thread(s)")

    with pytest.raises(CorpusError, match=r"a worker failed: .*a.jsonl: no, on 1 thread\(s\)"):
        predict(tmp_path / "out", Fails)


def test_the_command(
    trained_archive: str,
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    output = tmp_path / "out"

    def run(*arguments: str) -> Tuple[Any, str]:
        command = ["sept-annotate", trained_archive, f"{corpus}/*.parquet", f"{corpus}/b*"]
        command += ["--output", str(output), "--actors", "1", "--format", "parquet"]
        monkeypatch.setattr(sys, "argv", ["allennlp", *command, *arguments])
        try:
            main()
        except SystemExit as exit:
            return exit.code, capsys.readouterr().err
        return 0, capsys.readouterr().err

    status, said = run("--text-column", "abstract")
    assert status == 0
    assert "9 lines in = 6 annotated + 3 failed, in 2 shards" in said
    assert "1 worker, with 1 core" in said
    assert "100.0% of the input done" in said
    done = [json.loads(path.read_text())["seconds"] for path in output.glob("done/*.json")]
    assert [sorted(seconds) for seconds in done] == [
        ["annotating", "processor", "reading", "writing"]
    ] * 2
    rows = [parquet.read_table(path).to_pylist() for path in sorted(output.glob("*/*.parquet"))]
    assert [[row["id"] for row in shard] for shard in rows] == [
        [None, None],
        ["b0", "b2", "b3", "b5"],
    ]

    status, _ = run()
    assert 'belongs to another run, whose text-column is "abstract" and not null' in status
