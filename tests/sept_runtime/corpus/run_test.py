"""Runs on Ray: each is compared with one that nothing has disturbed."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple, Type

import cloudpickle
import pyarrow
import pytest
from pyarrow import parquet
from typing_extensions import override

import tests
from sept_runtime.corpus.output_folder import Counts
from sept_runtime.corpus.prediction import PredictedShard, ShardPredictor
from sept_runtime.corpus.run import predict_corpus
from sept_runtime.corpus.settings import CorpusSettings, ModelSettings
from sept_runtime.corpus.shards import ShardLines
from sept_runtime.errors import CorpusError
from sept_runtime.formats.records import FieldOptions
from sept_runtime.inference.json_lines import predict_lines
from sept_runtime.inference.prediction import SpanPredictor
from sept_runtime.options import Decoding
from tests.experiments import ROOT
from tests.sept_runtime.corpus.in_process import WordShardPredictor
from tests.sept_runtime.word_predictor import WordPredictor

pytest.importorskip("ray")
pytestmark = pytest.mark.processes

from sept_runtime.corpus.ray_cluster import RayCluster  # noqa: E402

TEXTS = [
    "We train a parser (fast).",
    "Results of the parser improve on data.",
    "A sentence about a corpus, and what a parser has to do with it.",
]
PARQUET_TEXTS = [TEXTS[0], None, TEXTS[1]]


def lines_of(prefix: str, number: int, text: str = "abstract") -> List[bytes]:
    lines = [
        json.dumps({"id": f"{prefix}{index}", text: " ".join(TEXTS[: index % 3 + 1])}).encode()
        for index in range(number)
    ]
    lines[1] = b'{"id": }'
    lines[4] = b""
    return lines


FILES = {"a.jsonl": ("a", 11), "b.jsonl.gz": ("b", 6)}
# 11 lines, 6, none and 3, four a shard; in each of the first two files two fail, in the last one a
# row has no text.
COUNTS = Counts(read=20, annotated=15, failed=4, shards=3 + 2 + 1 + 1, skipped=1)


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """For all tests, because it takes seconds to start."""
    # By value: a worker cannot import `tests`.
    cloudpickle.register_pickle_by_value(tests)
    cluster = RayCluster(num_cpus=2)
    yield
    cluster.stop()
    cloudpickle.unregister_pickle_by_value(tests)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    for name, options in FILES.items():
        content = b"\n".join(lines_of(*options))
        (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    (folder / "c.jsonl.zst").write_bytes(pyarrow.compress(b"", "zstd", asbytes=True))
    parquet.write_table(pyarrow.table({"abstract": PARQUET_TEXTS}), folder / "d.parquet")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("model") / "model"
    path.touch()
    return str(path)


Run = Callable[..., Tuple[Counts, List[str]]]


@pytest.fixture(scope="module")
def run(model: str, corpus: Path) -> Run:
    """Annotate the corpus. Returns the counts and the reports."""

    def run(
        output: Path, predictor_class: Type[ShardPredictor] = WordShardPredictor, workers: int = 1
    ) -> Tuple[Counts, List[str]]:
        reported: List[str] = []
        settings = CorpusSettings(
            ModelSettings.of(model),
            (str(corpus),),
            output,
            fields=FieldOptions(text="abstract"),
            lines_per_shard=4,
            workers=workers,
            progress_seconds=0.2,
        )
        return predict_corpus(settings, reported.append, predictor_class), reported

    return run


@pytest.fixture(scope="module")
def undisturbed(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Dict[str, bytes]:
    output = tmp_path_factory.mktemp("undisturbed") / "out"
    counts, _ = run(output, workers=2)
    assert counts._replace(reason="") == COUNTS
    assert "d.parquet, record 2: the record has no text" in counts.reason
    return content(output)


def content(output: Path) -> Dict[str, bytes]:
    return {
        str(path.relative_to(output)): path.read_bytes()
        for folder in ("annotations", "errors")
        for path in sorted((output / folder).iterdir())
    }


def test_the_same_entities_as_predict_line_for_line(
    undisturbed: Dict[str, bytes], corpus: Path
) -> None:
    expected: List[Dict[str, Any]] = []
    expected_errors = []
    inputs = {name: lines_of(*options, text="text") for name, options in FILES.items()}
    rows = [
        json.dumps({"id": f"d.parquet, record {number}", "text": text}).encode()
        for number, text in enumerate(PARQUET_TEXTS, start=1)
        if text
    ]
    for name, lines in {**inputs, "d.parquet": rows}.items():
        for output in predict_lines(WordPredictor(), lines, Decoding()):
            if "error" in output:
                expected_errors.append({"file": str((corpus / name).resolve()), **output})
            else:
                expected.append(output)
    shards = [data for name, data in undisturbed.items() if name.startswith("annotations/")]
    outputs = [json.loads(line) for shard in shards for line in gzip.decompress(shard).splitlines()]
    assert any(output["entities"] for output in outputs)
    assert outputs == json.loads(json.dumps(expected))
    errors = b"".join(data for name, data in undisturbed.items() if name.startswith("errors/"))
    assert [json.loads(line) for line in errors.splitlines()] == expected_errors


def test_a_killed_worker_loses_nothing(
    run: Run, undisturbed: Dict[str, bytes], tmp_path: Path
) -> None:
    killed = tmp_path / "killed"

    class DiesOnce(WordShardPredictor):
        @override
        def predict(
            self, shard_lines: ShardLines, file_name: str, fields: FieldOptions
        ) -> PredictedShard:
            if shard_lines.shard.number == 1 and not killed.exists():
                killed.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return super().predict(shard_lines, file_name, fields)

    counts, reported = run(tmp_path / "out", DiesOnce)
    assert killed.exists()
    assert any(line.startswith("a worker died") for line in reported)
    assert "20 documents (4 failed)" in reported[-1]
    assert counts._replace(reason="") == COUNTS
    assert content(tmp_path / "out") == undisturbed


def test_a_broken_worker_is_replaced(
    run: Run, undisturbed: Dict[str, bytes], tmp_path: Path
) -> None:
    broken = tmp_path / "broken"

    class Breaks(WordPredictor):
        @override
        def predict_batch(self, documents: Any, decoding: Decoding) -> Any:
            if broken.exists() and broken.read_text() == str(os.getpid()):
                raise RuntimeError("CUDA error")
            return super().predict_batch(documents, decoding)

    class BreaksOnce(WordShardPredictor):
        @override
        @classmethod
        def load(cls, settings: ModelSettings) -> Tuple[SpanPredictor, Decoding]:
            return Breaks(), Decoding()

        @override
        def predict(
            self, shard_lines: ShardLines, file_name: str, fields: FieldOptions
        ) -> PredictedShard:
            if shard_lines.shard.number == 1 and not broken.exists():
                broken.write_text(str(os.getpid()))
            return super().predict(shard_lines, file_name, fields)

    counts, reported = run(tmp_path / "out", BreaksOnce)
    (death,) = [line for line in reported if line.startswith("a worker failed: the model failed")]
    assert "RuntimeError: CUDA error" in death
    assert counts._replace(reason="") == COUNTS
    assert content(tmp_path / "out") == undisturbed


def test_a_killed_run_is_continued(
    run: Run, undisturbed: Dict[str, bytes], model: str, corpus: Path, tmp_path: Path
) -> None:
    output, log = tmp_path / "out", tmp_path / "run.log"
    # Not forked, because Ray may have run in this process, whose threads do not survive a fork. The
    # output goes into a file: reading a pipe to its end would wait for Ray's processes, too.
    command = [sys.executable, "-m", "tests.sept_runtime.corpus.stalling_run"]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*command, model, str(corpus), str(output)], cwd=ROOT, stdout=file, stderr=file
        )
    try:
        # It finishes one shard and no other.
        while not any((output / "done").glob("*.json")):
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
    finally:
        process.kill()
        process.wait()
    (done,) = (output / "done").glob("*.json")
    done_before = done.stat().st_mtime_ns
    counts, reported = run(output)
    assert reported[0] == "input files: 4, shards finished before: 1"
    assert counts._replace(reason="") == COUNTS
    assert content(output) == undisturbed
    # The finished shard is not annotated again.
    assert done.stat().st_mtime_ns == done_before

    class Untouchable(WordShardPredictor):
        def __init__(self, settings: Any) -> None:
            raise AssertionError("there is nothing left to do")

    assert run(output, Untouchable)[0]._replace(reason="") == COUNTS


def test_an_error_of_a_worker_is_reported(run: Run, tmp_path: Path) -> None:
    class Fails(WordShardPredictor):
        @override
        def predict(
            self, shard_lines: ShardLines, file_name: str, fields: FieldOptions
        ) -> PredictedShard:
            raise CorpusError(f"{file_name}: no")

    with pytest.raises(CorpusError, match="a worker failed: .*a.jsonl: no"):
        run(tmp_path / "out", Fails)


def test_an_error_while_loading_is_reported(run: Run, tmp_path: Path) -> None:
    class Fails(WordShardPredictor):
        def __init__(self, settings: Any) -> None:
            raise CorpusError("this model is too old")

    with pytest.raises(CorpusError, match="a worker could not start: .*this model is too old"):
        run(tmp_path / "out", Fails)
