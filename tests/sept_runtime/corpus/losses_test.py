"""What becomes of a run whose workers die, with a stand-in for the pipeline on Ray."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Collection, Dict, Iterator, List, Optional, Sequence

import pytest

from sept_allennlp.corpus import ArchiveShardPredictor
from sept_runtime.corpus import ray_pipeline
from sept_runtime.corpus.inputs import CorpusError, InputFile
from sept_runtime.corpus.output_folder import OutputFolder
from sept_runtime.corpus.records import ShardRecord
from sept_runtime.corpus.run import predict_corpus
from sept_runtime.corpus.settings import CorpusSettings, ModelSettings
from sept_runtime.corpus.shards import read_shards

# Makes the run; a shard that is named kills a worker so often before one comes to its end.
Predict = Callable[[Dict[str, float]], List[str]]


@pytest.fixture
def predict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Predict:
    """For two files of three shards; gives what was reported."""
    for name in ("a.jsonl", "b.jsonl"):
        lines = [json.dumps({"text": f"Text {number}."}) for number in range(5)]
        (tmp_path / name).write_text("\n".join(lines))
    archive = tmp_path / "model.tar.gz"
    archive.touch()
    model = ModelSettings.of(str(archive))
    settings = CorpusSettings(
        model, (f"{tmp_path}/*.jsonl",), tmp_path / "out", compression="none", lines_per_shard=2
    )
    monkeypatch.setattr(ray_pipeline, "start", lambda address, num_cpus: lambda: None)
    monkeypatch.setattr(ray_pipeline, "machines", lambda: [{"CPU": 2.0}])
    monkeypatch.setattr(ArchiveShardPredictor, "load", lambda settings: None)

    def predict(deaths: Dict[str, float]) -> List[str]:
        attempts: Counter[str] = Counter()

        def predict_shards(
            settings: CorpusSettings,
            inputs: Sequence[InputFile],
            finished: Sequence[Optional[Collection[int]]],
            output: OutputFolder,
            *_: Any,
        ) -> Iterator[ShardRecord]:
            lost: List[str] = []
            for index, done in enumerate(finished):
                if done is None:
                    continue
                for lines in read_shards(inputs[index], index, settings.lines_per_shard, done):
                    shard = lines.shard
                    output.start(shard)
                    attempts[shard.name] += 1
                    if attempts[shard.name] <= deaths.get(shard.name, 0):
                        lost.append(shard.name)
                        continue
                    output.write(shard, b"-", b"")
                    record = ShardRecord(shard, shard.num_lines, 0, 1, 0, {}, 0.0)
                    output.commit(record)
                    yield record
            # The others come to their end before.
            if lost:
                raise ray_pipeline.WorkerLost(f"a worker died: at {lost[0]}")

        monkeypatch.setattr(ray_pipeline, "predict_shards", predict_shards)
        reported: List[str] = []
        predict_corpus(settings, reported.append, ArchiveShardPredictor)
        return reported

    return predict


def test_a_document_that_kills_every_worker_ends_the_run_and_is_named(predict: Predict) -> None:
    message = r"a worker died: .* 3 times in a row .*, at \S*/a.jsonl from line 3 to 4\. "
    with pytest.raises(CorpusError, match=message):
        predict({"000000-000001": math.inf})
    # The same command goes on, with what is left.
    assert predict({})[0] == "input files: 2, shards done before: 5"


def test_losses_between_which_something_is_done_do_not_end_it(predict: Predict) -> None:
    reported = predict({"000000-000000": 1, "000000-000001": 2, "000001-000000": 3})
    assert sum("a worker died" in line for line in reported) == 3
    assert reported[-1].startswith("10 documents, ")
