"""A cluster that loses a machine during a run: Ray's imitation of several nodes on one machine."""

import json
import threading
import time
from pathlib import Path
from typing import Any, Iterator, List

import pytest
from typing_extensions import override

from sept_runtime.corpus.output_folder import Counts
from sept_runtime.corpus.prediction import PredictedShard
from sept_runtime.corpus.run import predict_corpus
from sept_runtime.corpus.settings import CorpusSettings, ModelSettings
from sept_runtime.corpus.shards import ShardLines
from sept_runtime.formats.records import FieldOptions
from tests.sept_runtime.corpus.in_process import WordShardPredictor

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.processes

NUM_LINES, LINES_PER_SHARD = 41, 2


@pytest.fixture
def cluster() -> Iterator[Any]:
    import cloudpickle
    from ray.cluster_utils import Cluster

    import tests

    # By value: a worker cannot import `tests`.
    cloudpickle.register_pickle_by_value(tests)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    yield cluster
    cloudpickle.unregister_pickle_by_value(tests)
    ray.shutdown()
    cluster.shutdown()


def wait_for(path: Path) -> None:
    """Without a limit: a machine may be busy, and if nothing comes the whole suite is late."""
    while not path.exists():
        time.sleep(0.05)


def test_a_lost_machine_loses_nothing(cluster: Any, tmp_path: Path) -> None:
    lost = cluster.add_node(num_cpus=1)
    lines = [json.dumps({"id": number, "text": "A parser."}) for number in range(NUM_LINES)]
    (tmp_path / "corpus.jsonl").write_text("\n".join(lines))
    (tmp_path / "model").touch()
    reached, head = tmp_path / "reached", cluster.head_node.node_id

    class HangsElsewhere(WordShardPredictor):
        """On the machine that will be lost, takes a shard and never finishes it."""

        @override
        def predict(
            self, shard_lines: ShardLines, file_name: str, fields: FieldOptions
        ) -> PredictedShard:
            if ray.get_runtime_context().get_node_id() != head:
                reached.touch()
                threading.Event().wait()
            # Or the other worker is finished before this machine is lost.
            wait_for(reached)
            return super().predict(shard_lines, file_name, fields)

    def lose() -> None:
        wait_for(reached)
        cluster.remove_node(lost, allow_graceful=False)

    loss = threading.Thread(target=lose, daemon=True)
    loss.start()
    settings = CorpusSettings(
        ModelSettings.of(str(tmp_path / "model")),
        (str(tmp_path / "corpus.jsonl"),),
        tmp_path / "out",
        compression="none",
        lines_per_shard=LINES_PER_SHARD,
        workers=2,
        address=cluster.address,
    )
    reported: List[str] = []
    counts = predict_corpus(settings, reported.append, HangsElsewhere)
    loss.join()

    assert "2 workers, each with 1 core; loading the model" in reported
    assert "1 worker, with 1 core; loading the model" in reported
    assert counts == Counts(read=NUM_LINES, annotated=NUM_LINES, failed=0, shards=21)
    shards = sorted((tmp_path / "out" / "annotations").iterdir())
    outputs = [json.loads(line) for shard in shards for line in shard.read_text().splitlines()]
    assert [output["id"] for output in outputs] == list(range(NUM_LINES))
