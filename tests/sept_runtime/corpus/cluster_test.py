from pathlib import Path

import pytest

from sept_runtime import cpu as processors
from sept_runtime.corpus.cluster import Workers, plan_workers
from sept_runtime.cpu import usable_cores
from sept_runtime.errors import CorpusError

GIB = 2**30


def test_one_worker_per_core() -> None:
    assert plan_workers([{"CPU": 8.0}], 0) == Workers(8, 1.0, 0.0)
    assert plan_workers([{"CPU": 8.0}], 0, cpus=3.0).number == 2
    assert plan_workers([{"CPU": 1.0}], 0, cpus=0.1).number == 10


def test_one_worker_per_share_of_a_gpu() -> None:
    assert plan_workers([{"CPU": 64.0, "GPU": 2.0}], 0, gpus=1.0).number == 2
    assert plan_workers([{"CPU": 64.0, "GPU": 2.0}], 0, gpus=0.25).number == 8
    # Not two thirds of each, and one made of what is left of them.
    assert plan_workers([{"CPU": 64.0, "GPU": 2.0}], 0, gpus=0.6).number == 2
    assert plan_workers([{"CPU": 3.0, "GPU": 2.0}], 0, gpus=0.25).number == 3


def test_no_more_workers_than_fit_into_memory() -> None:
    # 1.5 GiB each, and three times the archive.
    resources = {"CPU": 64.0, "memory": 10.0 * GIB}
    assert plan_workers([resources], 1.5 * GIB).number == 6
    assert plan_workers([resources], 3 * GIB).number == 3
    assert plan_workers([{"CPU": 64.0, "memory": 1.0}], GIB).number == 1


def test_a_given_number_is_planned_or_refused() -> None:
    assert plan_workers([{"CPU": 64.0, "memory": 1.0}], GIB, number=3).number == 3
    with pytest.raises(
        CorpusError,
        match="3 workers with 1 cores and 0 GPUs each cannot be started: there are only 2",
    ):
        plan_workers([{"CPU": 2.0}], 0, number=3)
    with pytest.raises(CorpusError, match="1 worker with 1 cores and 1 GPUs each cannot be"):
        plan_workers([{"CPU": 2.0}], 0, gpus=1.0)
    with pytest.raises(CorpusError, match="there are only 2 cores and 0 GPUs. Change --actors"):
        plan_workers([{"CPU": 2.0}], 0, cpus=4.0)


def test_a_worker_is_on_one_machine() -> None:
    machines = [{"CPU": 6.0, "memory": 10.0 * GIB}, {"CPU": 6.0, "GPU": 1.0, "memory": 2.0 * GIB}]
    assert plan_workers(machines, 1.5 * GIB, cpus=4.0).number == 2
    assert plan_workers(machines, 1.5 * GIB, cpus=1.0).number == 6 + 1
    assert plan_workers(machines, 1.5 * GIB, gpus=0.5).number == 1
    assert plan_workers(machines, 1.5 * GIB, number=2, gpus=0.5).number == 2
    with pytest.raises(CorpusError, match="6 cores and 0 GPUs and 6 cores and 1 GPUs"):
        plan_workers(machines, GIB, cpus=8.0)
    with pytest.raises(CorpusError, match="only no machines"):
        plan_workers([], 0)


def test_a_containers_share_of_the_cores_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quota = tmp_path / "cpu.max"
    monkeypatch.setattr(processors, "_QUOTA", quota)
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(8)), raising=False)
    assert usable_cores() == 8
    for content, cores in (("max 100000", 8), ("250000 100000", 2), ("50000 100000", 1)):
        quota.write_text(content + "\n")
        assert usable_cores() == cores


def test_one_thread_per_whole_core() -> None:
    assert [Workers(1, cpus, 0.0).threads for cpus in (0.5, 1.0, 4.0)] == [1, 1, 4]


def test_workers_are_described_with_their_resources() -> None:
    assert str(Workers(2, 1.0, 0.0)) == "2 workers, each with 1 core"
    assert str(Workers(1, 4.0, 0.0)) == "1 worker, with 4 cores"
    assert str(Workers(4, 1.0, 0.25)) == "4 workers, each with 1 core and 0.25 of a GPU"
    assert str(Workers(2, 0.5, 1.0)) == "2 workers, each with 0.5 of a core and 1 GPU"
