"""Runs whose workers die or break, on a cluster in this process."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence, Tuple, Type

import pytest
from typing_extensions import override

from sept_runtime.corpus.cluster import WorkerDied
from sept_runtime.corpus.output_folder import Counts
from sept_runtime.corpus.prediction import PredictedShard, ShardPredictor
from sept_runtime.corpus.run import predict_corpus
from sept_runtime.corpus.settings import CorpusSettings, ModelSettings
from sept_runtime.corpus.shards import ShardLines
from sept_runtime.documents import Document, Prediction
from sept_runtime.errors import CorpusError
from sept_runtime.formats.records import FieldOptions
from sept_runtime.inference.prediction import SpanPredictor
from sept_runtime.options import Decoding
from tests.sept_runtime.corpus.in_process import InProcessCluster, WordShardPredictor
from tests.sept_runtime.word_predictor import WordPredictor

Run = Callable[[Type[ShardPredictor]], Tuple[Counts, List[str]]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Annotate two files of three shards. Returns the counts and the reports."""
    for name in ("a.jsonl", "b.jsonl"):
        lines = [json.dumps({"id": n, "text": f"Parser {name} {n}."}) for n in range(5)]
        (tmp_path / name).write_text("\n".join(lines))
    (tmp_path / "model").touch()
    settings = CorpusSettings(
        ModelSettings.of(str(tmp_path / "model")),
        (f"{tmp_path}/*.jsonl",),
        tmp_path / "out",
        compression="none",
        lines_per_shard=2,
    )

    def run(predictor_class: Type[ShardPredictor]) -> Tuple[Counts, List[str]]:
        reported: List[str] = []
        counts = predict_corpus(
            settings, reported.append, predictor_class, lambda address: InProcessCluster()
        )
        return counts, reported

    return run


def dying(deaths: Dict[str, int]) -> Type[ShardPredictor]:
    """Make workers that die as often as given on the shards named."""
    tries: Counter[str] = Counter()

    class Dying(WordShardPredictor):
        @override
        def predict(
            self, shard_lines: ShardLines, file_name: str, fields: FieldOptions
        ) -> PredictedShard:
            name = shard_lines.shard.name
            tries[name] += 1
            if tries[name] <= deaths.get(name, 0):
                raise WorkerDied(f"a worker died: at {name}")
            return super().predict(shard_lines, file_name, fields)

    return Dying


def annotations(tmp_path: Path) -> List[Any]:
    return [
        json.loads(line)["id"]
        for path in sorted((tmp_path / "out" / "annotations").iterdir())
        for line in path.read_text().splitlines()
    ]


def test_a_document_that_kills_every_worker_ends_the_run_and_is_named(
    run: Run, tmp_path: Path
) -> None:
    message = r"a worker died: .* 3 times in a row .*, at \S*/b.jsonl from line 3 to 4[.,]"
    with pytest.raises(CorpusError, match=message):
        run(dying({"000001-000001": 99}))
    counts, reported = run(WordShardPredictor)
    # The same command continues with what is left.
    assert reported[0] == "input files: 2, shards finished before: 4"
    assert counts == Counts(read=10, annotated=10, failed=0, shards=6)
    assert annotations(tmp_path) == [0, 1, 2, 3, 4] * 2


def test_deaths_between_finished_shards_do_not_end_the_run(run: Run, tmp_path: Path) -> None:
    counts, reported = run(dying({"000000-000000": 1, "000000-000001": 2, "000001-000000": 1}))
    assert sum("a worker died" in line for line in reported) == 4
    assert reported[-1].startswith("10 documents, ")
    assert counts == Counts(read=10, annotated=10, failed=0, shards=6)
    assert annotations(tmp_path) == [0, 1, 2, 3, 4] * 2


class Failing(WordPredictor):
    """
    Fails on documents with one of the words.

    # Parameters

    bad_words : `Sequence[str]`
    stays_broken : `bool`
        Whether it fails on all documents from then on, as after a CUDA error.
    """

    def __init__(self, bad_words: Sequence[str], stays_broken: bool) -> None:
        super().__init__()
        self._bad_words, self._stays_broken = {*bad_words}, stays_broken
        self._is_broken = False

    @override
    def predict_batch(self, documents: Sequence[Document], decoding: Decoding) -> List[Prediction]:
        words = {word for document in documents for word in document.words}
        if self._is_broken or self._bad_words & words:
            self._is_broken = self._stays_broken
            raise RuntimeError("CUDA error: unspecified launch failure")
        return super().predict_batch(documents, decoding)


def test_a_broken_worker_is_replaced_and_costs_no_document(run: Run, tmp_path: Path) -> None:
    made: List[SpanPredictor] = []

    class Breaking(WordShardPredictor):
        @override
        @classmethod
        def load(cls, settings: ModelSettings) -> Tuple[SpanPredictor, Decoding]:
            # One of the first two workers breaks at the third document and stays broken. The very
            # first model is loaded by the run itself.
            made.append(Failing(["2"], stays_broken=True) if len(made) < 3 else WordPredictor())
            return made[-1], Decoding()

    counts, reported = run(Breaking)
    assert counts == Counts(read=10, annotated=10, failed=0, shards=6)
    assert annotations(tmp_path) == [0, 1, 2, 3, 4] * 2
    (death,) = [line for line in reported if "a worker failed" in line]
    assert "CUDA error: unspecified launch failure (and it fails on any other text, too)" in death


def test_a_document_that_the_model_fails_on_is_an_error_and_kills_no_worker(
    run: Run, tmp_path: Path
) -> None:
    class FailsOnOne(WordShardPredictor):
        @override
        @classmethod
        def load(cls, settings: ModelSettings) -> Tuple[SpanPredictor, Decoding]:
            # Both documents of the second shard of each file: all of a shard.
            return Failing(["2", "3"], stays_broken=False), Decoding()

    counts, reported = run(FailsOnOne)
    assert counts == Counts(read=10, annotated=6, failed=4, shards=6)
    assert annotations(tmp_path) == [0, 1, 4] * 2
    assert not [line for line in reported if "worker failed" in line]
    errors = (tmp_path / "out" / "errors" / "000001-000001.jsonl").read_text().splitlines()
    assert [json.loads(line)["line"] for line in errors] == [3, 4]
    assert "the model failed: RuntimeError: CUDA error" in errors[0]


def test_workers_that_all_break_end_the_run(run: Run, tmp_path: Path) -> None:
    class Broken(WordShardPredictor):
        @override
        @classmethod
        def load(cls, settings: ModelSettings) -> Tuple[SpanPredictor, Decoding]:
            return Failing(["Parser"], stays_broken=True), Decoding()

    with pytest.raises(CorpusError, match="CUDA error.* 3 times in a row"):
        run(Broken)
    assert annotations(tmp_path) == []
    assert not any((tmp_path / "out" / "errors").iterdir())
