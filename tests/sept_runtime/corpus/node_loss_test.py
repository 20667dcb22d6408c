"""A cluster that loses a machine in the middle: Ray's own imitation of several nodes on one."""

import json
import threading
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest

from sept_allennlp.corpus import ArchiveShardPredictor
from sept_runtime.corpus.prediction import PredictedShard
from sept_runtime.corpus.records import Counts
from sept_runtime.corpus.run import predict_corpus
from sept_runtime.corpus.settings import CorpusSettings, ModelSettings
from sept_runtime.corpus.shards import ShardLines

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.processes

NUM_LINES, LINES_PER_SHARD = 41, 2
# So long all waiting takes at most: workers import AllenNLP, which a busy machine is slow at.
SECONDS = 300.0


@pytest.fixture
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    settings = {
        # A lost machine is noticed within a second or two, and not a quarter of a minute.
        "health_check_period_ms": 500,
        "health_check_failure_threshold": 2,
    }
    head = {"num_cpus": 1, "_system_config": settings}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while not path.exists():
        assert time.monotonic() < deadline, f"there was no {path.name}"
        time.sleep(0.1)


def test_a_lost_machine_loses_nothing(cluster: Any, trained_archive: str, tmp_path: Path) -> None:
    lost = cluster.add_node(num_cpus=1)
    lines = [json.dumps({"id": number, "text": "We train it."}) for number in range(NUM_LINES)]
    (tmp_path / "corpus.jsonl").write_text("\n".join(lines))
    reached, head = tmp_path / "reached", cluster.head_node.node_id

    class HangsElsewhere(ArchiveShardPredictor):
        """On the machine that will be lost, takes a shard and never finishes it."""

        def predict(self, shard_lines: ShardLines, file_name: str) -> PredictedShard:
            if ray.get_runtime_context().get_node_id() != head:
                reached.touch()
                time.sleep(3600)
            # Or the others are done before the other machine has begun.
            wait_for(reached)
            return super().predict(shard_lines, file_name)

    def lose() -> None:
        try:
            wait_for(reached)
        finally:
            # Or what hangs there would be waited for.
            cluster.remove_node(lost, allow_graceful=False)

    loss = threading.Thread(target=lose, daemon=True)
    loss.start()
    settings = CorpusSettings(
        ModelSettings.of(trained_archive),
        (str(tmp_path / "corpus.jsonl"),),
        tmp_path / "out",
        compression="none",
        lines_per_shard=LINES_PER_SHARD,
        workers=2,
        address=cluster.address,
    )
    reported: List[str] = []
    counts = predict_corpus(settings, reported.append, HangsElsewhere)
    loss.join(SECONDS)

    assert "2 workers, each with 1 core; loading the model" in reported
    assert "1 worker, with 1 core; loading the model" in reported
    assert counts == Counts(read=NUM_LINES, annotated=NUM_LINES, failed=0, shards=21)
    shards = sorted((tmp_path / "out" / "annotations").iterdir())
    outputs: List[Dict[str, Any]] = [
        json.loads(line) for shard in shards for line in shard.read_text().splitlines()
    ]
    assert [output["id"] for output in outputs] == list(range(NUM_LINES))
