from typing import List, Sequence

import pytest

from sept_allennlp.experiments import default_jobs, share_devices, visible_devices


def test_trainings_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.get_num_threads", lambda: 8)
    assert share_devices(1, []) == [{"OMP_NUM_THREADS": "8"}]
    assert share_devices(3, []) == [{"OMP_NUM_THREADS": "2"}] * 3
    assert share_devices(20, [])[0] == {"OMP_NUM_THREADS": "1"}


def test_trainings_take_a_gpu_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.get_num_threads", lambda: 8)

    def gpus(jobs: int, visible: Sequence[str]) -> List[str]:
        return [device["CUDA_VISIBLE_DEVICES"] for device in share_devices(jobs, visible)]

    assert gpus(2, ["0", "1"]) == ["0", "1"]
    assert gpus(3, ["4", "6"]) == ["4", "6", "4"]
    # One training sees all GPUs: it may want several.
    assert share_devices(1, ["0", "1"]) == [{"OMP_NUM_THREADS": "8"}]


@pytest.mark.parametrize(
    "threads, gpus, device, jobs",
    [
        (2, 0, "auto", 1),
        (16, 0, "auto", 4),
        (16, 2, "auto", 2),
        (16, 2, "-1", 4),
        # All would be on this one.
        (16, 2, "1", 1),
    ],
)
def test_default_jobs(
    threads: int, gpus: int, device: str, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.get_num_threads", lambda: threads)
    monkeypatch.setattr("torch.cuda.device_count", lambda: gpus)
    assert default_jobs({"SEPT_DEVICE": device}) == jobs


def test_visible_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert visible_devices({}) == ["0", "1"]
    assert visible_devices({"SEPT_DEVICE": "auto", "CUDA_VISIBLE_DEVICES": "3,5"}) == ["3", "5"]
    assert visible_devices({"SEPT_DEVICE": "1"}) == []
    assert visible_devices({"SEPT_DEVICE": "-1"}) == []
